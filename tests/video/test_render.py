"""Whole files: sound and picture together, kill and resume, full and forbidden disks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

import phosphene
from phosphene.errors import InputError, OutputError
from phosphene.video import mux
from phosphene.video.mux import Clock, Sound, Tags, assemble
from phosphene.video.project import Project, work_folder
from phosphene.video.spec import VideoSpec
from phosphene.video.writer import SegmentWriter
from tests.video.flash_count import count_flashes
from tests.video.media import CONFIG, RATE, lag, make_song, picture, pictures, render, sound_of


def child(out: Path, frames: int, side: int, slow: float, *more: str) -> subprocess.Popen[str]:
    roots = (Path(phosphene.__file__).parents[1], Path(__file__).parents[2])
    path = os.pathsep.join((*map(str, roots), os.environ.get("PYTHONPATH", "")))
    return subprocess.Popen(
        [sys.executable, "-m", "tests.video.child", str(out), str(frames), str(side), str(slow), *more],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "rate", "channels", "seconds"),
    [
        ("song.wav", 44100, 2, 3.0),
        ("song.mp3", 44100, 2, 1.5),
        ("song.flac", 96000, 6, 3.0),
        ("song.wav", 8000, 1, 2.5),
    ],
)
def test_sound_and_picture_have_one_length(
    tmp_path: Path, name: str, rate: int, channels: int, seconds: float
) -> None:
    song, out, start = tmp_path / name, tmp_path / "out.mp4", 0.3
    make_song(song, rate, channels, seconds)
    render(out, 47, song, start=start)
    with av.open(str(out)) as file:
        video, audio = file.streams.video[0], file.streams.audio[0]
        lengths = [float(s.duration * s.time_base) for s in (video, audio)]
        assert abs(lengths[0] - 47 / 24) < 0.002
        assert abs(lengths[0] - lengths[1]) < 0.002
        assert (audio.rate, audio.channels) == (rate, channels)
        assert video.average_rate == RATE
        assert file.metadata["title"] == "a title"
        assert [round(f.time * 24, 3) for f in file.decode(video)] == list(range(47))
    # the sound starts at the very sample, and is silent after the end of the song
    heard, source = sound_of(out)[0], sound_of(song)[0][round(start * rate) :]
    assert abs(lag(heard[: len(source)], source[: len(heard)])) == 0
    tail = heard[len(source) + 4096 : round(47 / 24 * rate)]
    assert tail.size == 0 or np.abs(tail).max() < 0.01
    assert not work_folder(out).exists()


@pytest.mark.parametrize("suffix", [".mkv", ".mov"])
def test_other_containers(tmp_path: Path, suffix: str) -> None:
    song, out = tmp_path / "song.wav", tmp_path / f"out{suffix}"
    make_song(song, 48000, 2, 2.0)
    render(out, 30, song)
    with av.open(str(out)) as file:
        assert abs(file.duration / 1e6 - 30 / 24) < 1 / 24
        assert len(list(file.decode(video=0))) == 30
    assert lag(sound_of(out)[0], sound_of(song)[0]) == 0


def test_faststart_and_colour_tags(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    render(out, 5)
    data = out.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")
    with av.open(str(out)) as file:
        assert not file.streams.audio
        context = file.streams.video[0].codec_context
        tags = (context.color_primaries, context.color_trc, context.colorspace)
        assert tags == (1, 1, 1)
        assert context.color_range == 1
        assert context.pix_fmt == "yuv420p"


def test_strange_sound_is_taken_or_refused_plainly(tmp_path: Path) -> None:
    nan = tmp_path / "nan.wav"
    make_song(nan, 44100, 2, 1.0)
    data = bytearray(nan.read_bytes())
    data[2000:2400] = np.full(100, np.nan, "<f4").tobytes()
    nan.write_bytes(data)
    render(tmp_path / "nan.mp4", 12, nan)
    assert np.isfinite(sound_of(tmp_path / "nan.mp4")).all()

    whole = tmp_path / "whole.mp3"
    make_song(whole, 44100, 2, 2.0)
    cut = tmp_path / "cut.mp3"
    cut.write_bytes(whole.read_bytes()[:9001])
    render(tmp_path / "cut.mp4", 12, cut)

    odd_rate = tmp_path / "odd.wav"
    make_song(odd_rate, 37800, 2, 1.0)
    render(tmp_path / "odd.mp4", 12, odd_rate)
    with av.open(str(tmp_path / "odd.mp4")) as file:
        assert file.streams.audio[0].rate == 44100

    text = tmp_path / "text.mp3"
    text.write_text("not a song")
    for path, words in ((text, "not a song"), (tmp_path / "none.wav", "does not exist")):
        with pytest.raises(InputError, match=words):
            render(tmp_path / "bad.mp4", 3, path, resume=True)
    silent = tmp_path / "silent.mp4"
    render(silent, 3)
    with pytest.raises(InputError, match="no sound"):
        render(tmp_path / "bad.mp4", 3, silent, resume=True)
    assert not (tmp_path / "bad.mp4").exists()


def test_killed_render_goes_on_to_the_same_picture(tmp_path: Path) -> None:
    frames, whole, killed = 60, tmp_path / "whole.mp4", tmp_path / "killed.mp4"
    render(whole, frames)
    process = child(killed, frames, 64, 0.02)
    second = work_folder(killed) / "00001.state"
    deadline = time.monotonic() + 30
    while not second.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    process.kill()
    process.communicate()
    assert process.returncode != 0
    assert not killed.exists()
    with Project(killed, f"test {frames}", resume=True) as project:
        assert 12 <= project.next_frame < frames
        # damage the last one: its frames are drawn again
        project.paths[-1].write_bytes(b"damaged")
        kept = project.next_frame - project.segments[-1].frames
    with Project(killed, f"test {frames}", resume=True) as project:
        assert project.next_frame == kept
    render(killed, frames, resume=True)
    np.testing.assert_array_equal(pictures(killed), pictures(whole))
    assert killed.read_bytes() == whole.read_bytes()
    # the pictures strobe at 6 Hz; what was encoded does not
    assert count_flashes(map(picture, range(frames)), 24) > 3
    assert count_flashes(pictures(whole), 24) <= 3


def test_interrupted_while_joining(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out.mp4"

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mux, "publish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            render(out, 14)
    assert not out.exists()
    assert (work_folder(out) / "unfinished.mp4").exists()
    render(out, 14, resume=True)
    assert len(pictures(out)) == 14
    assert list(tmp_path.iterdir()) == [out]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> object:
    """A folder that really is full after 400 kB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk(tiny_disk: Path) -> None:
    out = tiny_disk / "out.mp4"
    with pytest.raises(OutputError, match=r"disk is full.*--resume"):
        render(out, 300, side=512)
    assert not out.exists()
    with Project(out, "test 300", resume=True) as project:
        assert project.next_frame >= 12


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on file sizes")
def test_file_too_large(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    # segments fit, the joined file does not
    process = child(out, 48, 256, 0, "60000")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said.startswith("OutputError: the disk is full")
    assert said.count("\n") == 1
    assert not out.exists()
    with Project(out, "test 48", resume=True) as project:
        assert project.next_frame == 48


def test_existing_file_is_never_harmed(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with Project(out, "x") as project:
        render(tmp_path / "part.mp4", 5)
        segment = tmp_path / "part.mp4"
        options = {"clock": Clock.even(RATE, 5), "tags": Tags(), "work": project.folder}
        # it appears while the render runs
        out.write_bytes(b"precious")
        with pytest.raises(OutputError, match="exists: give another name or --overwrite"):
            assemble([segment], out, sound=None, overwrite=False, **options)
        with pytest.raises(InputError):
            sound = Sound(tmp_path / "missing.wav", 0, 64000)
            assemble([segment], out, sound=sound, overwrite=True, **options)
        other = tmp_path / "other.mp4"
        other.write_bytes(b"not a video")
        with pytest.raises(OutputError, match="cannot be read"):
            assemble([segment, other], out, sound=None, overwrite=True, **options)
        assert out.read_bytes() == b"precious"
        assemble([segment], out, sound=None, overwrite=True, **options)
        assert len(pictures(out)) == 5


@pytest.mark.parametrize("change", ["cut", "replaced", "gone"])
def test_a_song_that_changes_on_the_way_is_not_taken(tmp_path: Path, change: str) -> None:
    song = tmp_path / "song.wav"
    make_song(song, 44100, 2, 1.0)
    segment = tmp_path / "a.mp4"
    writer = SegmentWriter(segment, VideoSpec.of(CONFIG, (64, 64), RATE))
    writer.write(picture(0))
    writer.close()
    sound = Sound.of(song, 0.0, 128_000)
    if change == "cut":
        song.write_bytes(song.read_bytes()[:9000])
    elif change == "replaced":
        make_song(song, 44100, 1, 1.0)
    else:
        song.unlink()
    with pytest.raises(InputError, match=r"changed|cannot be read"):
        assemble(
            [segment], tmp_path / "out.mp4", clock=Clock.even(RATE, 1), sound=sound,
            tags=Tags(), work=tmp_path, overwrite=False,
        )  # fmt: skip
    assert not (tmp_path / "out.mp4").exists()
