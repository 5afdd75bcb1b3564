"""Everything that can go wrong outside ends in one clear sentence, with finished segments kept."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from phosphene.cli import main
from phosphene.config import PipelineConfig
from phosphene.errors import InputError, OutputError
from phosphene.show.transform import TransformOptions, transform
from phosphene.video.manifest import load_manifest
from phosphene.video.project import work_folder
from tests.show.transform.conftest import drawer
from tests.video.footage import Look, even_times, write_clip
from tests.video.media import pictures
from tests.video.test_clip import bad_files


def noisy_clip(path: Path, frames: int = 60) -> Path:
    """Frames that do not compress: segments of some size."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (64, 96, 3)).astype(np.uint8) for _ in range(frames)]
    return write_clip(path, even_times(frames), Look((96, 64)), images)


def mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    # lazily: a caught exception may still hold the unfinished file open
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 14 MB."""
    yield from mounted(tmp_path / "tiny", "size=14m")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that really cannot be written to, even by root."""
    yield from mounted(tmp_path / "locked", "size=1m,ro")


def test_bad_files_are_told_by_the_command_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, (path, _) in bad_files(tmp_path).items():
        out = tmp_path / "out.mp4"
        assert main(["transform", str(path), "-o", str(out)]) == 2, name
        told = capsys.readouterr()
        assert told.err.startswith("phosphene: "), name
        assert told.err.count("\n") == 1, name
        assert path.name in told.err, name
        assert not out.exists()
        assert not work_folder(out).exists()


def test_a_clip_cut_short_is_drawn_as_far_as_it_goes_and_said_so(
    tmp_path: Path, config: PipelineConfig
) -> None:
    whole = write_clip(tmp_path / "a.mkv", even_times(100), sound=2)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    report = transform(cut, tmp_path / "out.mp4", config, base=drawer(config))
    [note] = report.notes
    assert "cut short" in note
    assert 10 < report.frames < 90
    assert len(pictures(tmp_path / "out.mp4")) == report.frames


@pytest.mark.parametrize("moment", ["drawing", "joining"])
def test_a_full_disk_keeps_what_is_finished(
    tiny_disk: Path, config: PipelineConfig, moment: str
) -> None:
    """It runs full while pictures are drawn, or just before the segments are joined."""
    source = noisy_clip(tiny_disk.parent / "in.mp4", 60)
    out = tiny_disk / "out.mp4"
    base = drawer(config)
    decode, left = base.decode, [30 if moment == "drawing" else 60]

    def meanwhile(latents, palettes=None):
        left[0] -= len(latents)
        if left[0] <= 0 and not (tiny_disk / "others").exists():
            fill(tiny_disk / "others", spare=0 if moment == "drawing" else 1_000_000)
        return decode(latents)

    base.decode = meanwhile
    with pytest.raises(OutputError, match=r"disk is full.*--resume"):
        transform(source, out, config, TransformOptions(scale=4), base=base)
    assert not out.exists()
    manifest = load_manifest(work_folder(out) / "manifest.json")
    assert manifest is not None
    kept = sum(segment.frames for segment in manifest.segments)
    assert kept == 60 if moment == "joining" else 10 <= kept <= 30
    # with room again it goes on
    (tiny_disk / "others").unlink()
    goes_on = TransformOptions(scale=4, resume=True)
    report = transform(source, out, config, goes_on, base=drawer(config))
    assert report.new_frames == 60 - kept
    assert len(pictures(out)) == 60


def fill(path: Path, spare: int) -> None:
    """Write until only about ``spare`` bytes are left."""
    with path.open("wb", buffering=0) as file:
        while shutil.disk_usage(path.parent).free > spare:
            try:
                file.write(bytes(4096))
            except OSError:
                return


def test_a_read_only_folder(
    read_only: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_clip(tmp_path / "in.mp4", even_times(3))
    assert main(["transform", str(source), "-o", str(read_only / "out.mp4")]) == 2
    told = capsys.readouterr().err
    assert "cannot be written to" in told
    assert told.count("\n") == 1


def test_a_source_that_vanishes_keeps_what_is_finished(
    tmp_path: Path, config: PipelineConfig
) -> None:
    """The file becomes unreadable between two runs of the same work."""
    source = write_clip(tmp_path / "in.mp4", even_times(60))
    base = drawer(config)
    decode, left = base.decode, [40]

    def failing(latents, palettes=None):
        left[0] -= len(latents)
        if left[0] < 0:
            raise OutputError("stop here.")
        return decode(latents)

    base.decode = failing
    out = tmp_path / "out.mp4"
    with pytest.raises(OutputError, match="stop here"):
        transform(source, out, config, base=base)
    away = source.rename(tmp_path / "away.mp4")
    goes_on = TransformOptions(resume=True)
    with pytest.raises(InputError, match="does not exist"):
        transform(source, out, config, goes_on, base=drawer(config))
    assert len(list(work_folder(out).glob("*.mp4"))) >= 2
    away.rename(source)
    assert transform(source, out, config, goes_on, base=drawer(config)).new_frames < 60


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions")
def test_a_file_that_may_not_be_read(tmp_path: Path, config: PipelineConfig) -> None:
    folder = tmp_path / "in.mp4"
    folder.mkdir()
    with pytest.raises(InputError, match="is a folder"):
        transform(folder, tmp_path / "out.mp4", config, base=drawer(config))
