"""Whole batches on a cluster: equal to a single machine's work, whatever dies meanwhile."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from threading import Thread

import psutil
import pytest

from phosphene.cluster.items import Catalogue
from phosphene.cluster.ledger import Ledger
from phosphene.cluster.run import BatchOptions, run_batch
from phosphene.errors import OutputError
from phosphene.show import render
from phosphene.show.transform import transform
from phosphene.video.project import work_folder
from tests.cluster.catalogue import run, small, write_song
from tests.cluster.conftest import Machines, drawing, seize
from tests.video.footage import even_times, write_clip


def test_equal_to_single_renders_although_a_worker_is_killed(
    machines: Machines, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    songs = tmp_path / "songs"
    songs.mkdir()
    for number in range(6):
        write_song(songs / f"song{number}.wav", number)
    (songs / "poison.mp3").write_bytes(b"no sound" * 100)
    clip = write_clip(songs / "clip.mov", even_times(30), sound=2)
    # beside the batch, which goes on meanwhile
    killing = Thread(target=lambda: seize().kill(), daemon=True)
    made = tmp_path / "made"
    report = run([str(songs)], made, act=lambda kept: killing.start() if kept == 5 else None)
    killing.join(60)
    assert not killing.is_alive()
    assert report.count("made") == 7
    assert report.count("failed") == 1
    # whole files, byte by byte: picture, sound, times and tags
    for number in range(6):
        render(songs / f"song{number}.wav", tmp_path / f"song{number}.mp4", small())
        name = f"song{number}.mp4"
        assert (made / name).read_bytes() == (tmp_path / name).read_bytes(), name
    transform(clip, tmp_path / "clip.mp4", small())
    assert (made / "clip.mp4").read_bytes() == (tmp_path / "clip.mp4").read_bytes()
    # one worker was lost, and of its item no finished segment
    assert sum(item.lost_workers for item in report.items) == 1
    songs_made = [item for item in report.items if item.source.endswith(".wav")]
    assert [item.new_segments for item in songs_made] == [4] * 6
    assert [item.new_frames for item in songs_made] == [48] * 6
    [poison] = [item for item in report.items if item.fate == "failed"]
    assert poison.source.endswith("poison.mp3")
    assert "poison.mp3" in poison.error
    assert "Traceback" not in poison.error
    assert "poison.mp3" in capsys.readouterr().err
    # nothing of the work is left beside the videos, and a second run has nothing to do
    assert sorted(p.name for p in made.glob("*.part")) == []
    items = Catalogue(made, small()).items([str(songs / "*.wav"), str(clip)])
    again = run_batch(items, small(), BatchOptions(made, cluster="nobody.invalid:1"))
    assert again.count("kept") == 7


def test_a_killed_driver_is_gone_on_with(machines: Machines, tmp_path: Path) -> None:
    """kill -9 of the real command; then finished segments are kept, and not drawn again."""
    song = write_song(tmp_path / "song.wav", seconds=6.0)
    made = tmp_path / "made"
    (tmp_path / "c.toml").write_text(
        "[video]\nsegment_seconds = 0.5\n[inference]\nwidth = 64\nheight = 64\n"
    )
    command = [sys.executable, "-m", "phosphene", "batch", str(song), "-o", str(made)]
    command += ["--preset", "fast", "--config", "c.toml", "--cluster", machines.cluster.address]
    process = subprocess.Popen([*command, "--workers", "1"], cwd=tmp_path, text=True)
    part = work_folder(made / "song.mp4")
    # the third segment is on record when the state of the fourth is there
    fourth = part / "00003.state"
    while not fourth.exists():
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
    process.kill()
    process.wait()
    # the worker of a driver that is gone does not go on
    psutil.wait_procs(drawing(), timeout=60)
    assert not (made / "song.mp4").exists()
    before = {p.name: p.stat().st_mtime_ns for p in part.glob("*.mp4")}
    assert len(before) >= 3
    seen: list[dict[str, int]] = []
    report = run(
        [str(song)],
        made,
        act=lambda _: seen.append({p.name: p.stat().st_mtime_ns for p in part.glob("*.mp4")}),
    )
    [item] = report.items
    kept = item.segments - item.new_segments
    assert kept >= 3
    names = sorted(before)[:kept]
    assert {name: seen[-1][name] for name in names} == {name: before[name] for name in names}
    render(song, tmp_path / "whole.mp4", small())
    # the title is the song's, so the whole files are equal
    assert (made / "song.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()


def test_a_full_disk_stops_the_batch_and_loses_nothing(machines: Machines, tmp_path: Path) -> None:
    songs = [str(write_song(tmp_path / f"song{i}.wav", i)) for i in range(3)]
    made = tmp_path / "made"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(kept: int) -> None:
        if kept == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2048, before[1]))

    try:
        with pytest.raises(OutputError, match="disk is full"):
            run(songs, made, act=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    report = run(songs, made)
    assert report.count("made") == 3
    assert sum(item.segments - item.new_segments for item in report.items) == 3
    assert len(Ledger(made).outs) == 3


def rays() -> list[psutil.Process]:
    """Processes of clusters that the command started for itself."""
    found = psutil.process_iter(["cmdline"])
    return [p for p in found if "phosphene-ray-" in " ".join(p.info["cmdline"] or ())]


def test_the_command_says_how_it_went(tmp_path: Path) -> None:
    """On a cluster of its own: per-item settings, the report, the exit code, nothing left running."""
    before, folders = {p.pid for p in rays()}, set(Path("/tmp").glob("phosphene-ray-*"))
    write_song(tmp_path / "a.wav", 1, seconds=1.0)
    (tmp_path / "list.csv").write_text(
        "input,output,prompt.base_prompt,inference.seed\na.wav,first.mkv,teal ocean,3\nnone.wav,,,\n"
    )
    (tmp_path / "c.toml").write_text("[inference]\nwidth = 64\nheight = 64\n")
    command = [sys.executable, "-m", "phosphene", "batch", "list.csv", "-o", "made"]
    command += ["--preset", "fast", "--config", "c.toml", "--cluster", "local", "--workers", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2, done.stderr
    assert "1 made, 1 failed" in done.stdout
    assert "none.wav cannot be read" in done.stderr
    config = small()
    config.video.segment_seconds = 4
    config.prompt.base_prompt = "teal ocean"
    config.inference.seed = 3
    render(tmp_path / "a.wav", tmp_path / "first.mkv", config)
    assert (tmp_path / "made/first.mkv").stat().st_size == (tmp_path / "first.mkv").stat().st_size
    assert not {p.pid for p in rays()} - before
    assert not set(Path("/tmp").glob("phosphene-ray-*")) - folders


def test_a_lost_machine_costs_only_what_was_under_way(machines: Machines, tmp_path: Path) -> None:
    songs = [str(write_song(tmp_path / f"song{i}.wav", i, seconds=3.0)) for i in range(3)]
    made = tmp_path / "made"
    losing = Thread(target=machines.lose_one, daemon=True)
    report = run(songs, made, act=lambda kept: losing.start() if kept == 4 else None)
    losing.join(60)
    assert not losing.is_alive()
    machines.add_one()
    assert report.count("made") == 3
    assert sum(item.lost_workers for item in report.items) == 1
    assert [item.new_segments for item in report.items] == [6] * 3
    for number in range(3):
        name = f"song{number}.mp4"
        render(songs[number], tmp_path / name, small())
        assert (made / name).read_bytes() == (tmp_path / name).read_bytes()
