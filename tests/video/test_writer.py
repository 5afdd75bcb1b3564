"""One segment: colours, sizes, determinism; the thread that feeds it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from phosphene.config import VideoConfig
from phosphene.errors import OutputError
from phosphene.video.encoder import ThreadedWriter
from phosphene.video.spec import VideoSpec
from phosphene.video.writer import SegmentWriter
from tests.video.media import picture, pictures

SPEC = VideoSpec.of(VideoConfig(crf=4, encoder_preset="veryfast"), (64, 64), Fraction(24))


def write(path: Path, frames: list[np.ndarray], spec: VideoSpec = SPEC) -> Path:
    writer = SegmentWriter(path, spec)
    for frame in frames:
        writer.write(frame)
    writer.close()
    assert writer.frames == len(frames)
    return path


@pytest.mark.parametrize("size", [(64, 64), (128, 96)])
def test_colours_survive(tmp_path: Path, size: tuple[int, int]) -> None:
    colours = np.array(
        [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (12, 200, 77)],
        np.uint8,
    )
    frames = [np.full((64, 64, 3), colour, np.uint8) for colour in colours]
    spec = replace(SPEC, width=size[0], height=size[1])
    shown = pictures(write(tmp_path / "a.mp4", frames, spec))
    assert shown.shape == (6, size[1], size[0], 3)
    # a wrong matrix moves green by 30, a wrong range moves black and white by 16
    np.testing.assert_allclose(
        shown.astype(int), np.broadcast_to(colours[:, None, None], shown.shape), atol=3
    )


def test_scaling_keeps_shape_and_place(tmp_path: Path) -> None:
    y, x = np.mgrid[0:96, 0:96]
    disc = ((x - 47.5) ** 2 + (y - 47.5) ** 2 < 20**2).astype(np.uint8) * 255
    spec = replace(SPEC, width=256, height=128)
    shown = pictures(write(tmp_path / "a.mp4", [np.stack([disc] * 3, -1)], spec))[0, :, :, 1] > 127
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    # 96 x 48 is cut out of the middle and grows by 8 / 3
    assert abs(len(columns) - 40 * 8 / 3) <= 2
    assert abs(len(rows) - 40 * 8 / 3) <= 2
    assert abs(rows.mean() - 63.5) <= 1
    assert abs(columns.mean() - 127.5) <= 1


def test_same_frames_same_bytes(tmp_path: Path) -> None:
    frames = [picture(i) for i in range(30)]
    first = write(tmp_path / "a.mp4", frames).read_bytes()
    assert write(tmp_path / "b.mp4", frames).read_bytes() == first


def test_wrong_frames_are_a_bug_of_the_caller(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "a.mp4", SPEC)
    for bad in (np.zeros((64, 64), np.uint8), np.zeros((64, 64, 3), np.float32)):
        with pytest.raises(ValueError, match="a frame is uint8"):
            writer.write(bad)  # type: ignore[arg-type]
    writer.abort()
    writer.abort()
    assert not (tmp_path / "a.mp4").exists()


def test_no_folder(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "gone" / "a.mp4", SPEC)
    with pytest.raises(OutputError, match=r"cannot be written.*--resume"):
        for index in range(100):
            writer.write(picture(index))
    writer.abort()


class Sink:
    """Records what it is given; may be slow or fail."""

    def __init__(self, delay: float = 0, fail_at: int = -1) -> None:
        self.items: list[object] = []
        self.cancelled = 0
        self.delay, self.fail_at = delay, fail_at

    def write(self, frame: np.ndarray) -> None:
        time.sleep(self.delay)
        if len(self.items) == self.fail_at:
            raise OutputError("the disk is full.")
        self.items.append(int(frame[0, 0, 0]))

    def cut(self, state: bytes) -> None:
        self.items.append(state)

    def cancel(self) -> None:
        self.cancelled += 1


def flat(value: int) -> np.ndarray:
    return np.full((2, 2, 3), value, np.uint8)


def test_threaded_order() -> None:
    sink = Sink()
    with ThreadedWriter(sink, depth=2) as writer:
        for index in range(20):
            writer.write(flat(index))
            if index % 10 == 9:
                writer.cut(b"%d" % index)
    assert sink.items == [*range(10), b"9", *range(10, 20), b"19"]


def test_threaded_back_pressure_and_overlap() -> None:
    sink = Sink(delay=0.02)
    with ThreadedWriter(sink, depth=2) as writer:
        begin = time.perf_counter()
        for index in range(3):
            writer.write(flat(index))
        assert time.perf_counter() - begin < 0.02
        for index in range(10):
            writer.write(flat(index))
            assert len(sink.items) >= index
    assert len(sink.items) == 13


@pytest.mark.parametrize("fail_at", [0, 5, 9])
def test_threaded_errors_reach_the_caller(fail_at: int) -> None:
    sink = Sink(fail_at=fail_at)
    with pytest.raises(OutputError, match="full"), ThreadedWriter(sink, depth=2) as writer:
        for index in range(10):
            writer.write(flat(index))
    assert sink.cancelled == 1
    assert len(sink.items) == fail_at
    with pytest.raises(OutputError, match="full"):
        writer.write(flat(0))
    with pytest.raises(OutputError, match="full"):
        writer.close()


def test_threaded_cancel_is_quick_and_leaves_no_thread() -> None:
    sink = Sink(delay=0.05)
    with pytest.raises(KeyboardInterrupt), ThreadedWriter(sink) as writer:
        for index in range(5):
            writer.write(flat(index))
        raise KeyboardInterrupt
    assert sink.cancelled == 1
    assert len(sink.items) <= 2
    assert "phosphene-encoder" not in {thread.name for thread in threading.enumerate()}


def test_package_is_light() -> None:
    code = "import sys, phosphene.video, phosphene.video.target; assert 'av' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_equal_frames_give_equal_bytes_whatever_the_timing(tmp_path) -> None:
    """Two encoder threads raced on small pictures; a resumed render must not differ from a whole one."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 255, (8, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    spec = VideoSpec(64, 64, Fraction(24), 17, "veryfast")
    seen = set()
    for run in range(12):
        writer = SegmentWriter(tmp_path / "x.mp4", spec)
        for i in range(12):
            time.sleep(0.01 if run % 2 and i in (1, 3) else 0)
            writer.write(np.roll(blocks, 7 * i, axis=1))
        writer.close()
        seen.add((tmp_path / "x.mp4").read_bytes())
    assert len(seen) == 1
