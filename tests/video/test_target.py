"""Every output that cannot be is refused before any work, in one sentence."""

from __future__ import annotations

import shutil
import sys
from collections import namedtuple
from fractions import Fraction
from pathlib import Path

import pytest

from phosphene.errors import InputError, OutputError, PhospheneError
from phosphene.video.spec import frame_rate
from phosphene.video.target import check_target


def refuse(kind: type[PhospheneError], path: Path, size: tuple[int, int], fps: float) -> str:
    with pytest.raises(kind) as caught:
        check_target(path, size, fps, seconds=10, overwrite=False)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


def test_good_target(tmp_path: Path) -> None:
    target = check_target(tmp_path / "a.MP4", (256, 144), 29.97002997, seconds=10, overwrite=False)
    assert target.size == (256, 144)
    assert target.rate == Fraction(30000, 1001)
    assert target.notes == ()
    assert list(tmp_path.iterdir()) == []


def test_odd_sizes_are_rounded_up_and_noted(tmp_path: Path) -> None:
    target = check_target(tmp_path / "a.mp4", (641, 359), 24, seconds=1, overwrite=False)
    assert target.size == (642, 360)
    assert len(target.notes) == 1
    assert "641x359 becomes 642x360" in target.notes[0]


@pytest.mark.parametrize("size", [(0, 256), (256, -2), (1, 1), (10, 256), (256, 100_000)])
def test_impossible_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    refuse(InputError, tmp_path / "a.mp4", size, 24)


@pytest.mark.parametrize("fps", [0, -1, 0.5, 241, 1000, float("nan"), float("inf")])
def test_impossible_rates(tmp_path: Path, fps: float) -> None:
    refuse(InputError, tmp_path / "a.mp4", (256, 256), fps)


def test_impossible_files(tmp_path: Path) -> None:
    good, taken = (256, 256), tmp_path / "taken.mp4"
    taken.write_bytes(b"precious")
    assert "is a folder" in refuse(OutputError, tmp_path, good, 24)
    assert "must end in" in refuse(OutputError, tmp_path / "a.avi", good, 24)
    assert "must end in" in refuse(OutputError, tmp_path / "a", good, 24)
    text = refuse(OutputError, taken, good, 24)
    assert text.endswith("exists: give another name or --overwrite.")
    assert "does not exist" in refuse(OutputError, tmp_path / "no" / "a.mp4", good, 24)
    assert "is not a folder" in refuse(OutputError, taken / "a.mp4", good, 24)
    check_target(taken, good, 24, seconds=1, overwrite=True)
    assert taken.read_bytes() == b"precious"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_unwritable_folder_even_for_root() -> None:
    assert "cannot be written to" in refuse(OutputError, Path("/proc/a.mp4"), (256, 256), 24)


def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 9_000_000))
    assert "9 MB are free" in refuse(OutputError, tmp_path / "a.mp4", (1280, 720), 60)
    check_target(tmp_path / "a.mp4", (64, 64), 24, seconds=1, overwrite=False)


@pytest.mark.parametrize("fps", [1, 23.976, 24, 29.97, 30, 59.94, 60, 240, 12.5])
def test_frame_rate_is_what_was_asked_for(fps: float) -> None:
    # an hour later the clock is off by less than a millisecond
    assert abs(float(frame_rate(fps)) / fps - 1) * 3600 < 0.001
