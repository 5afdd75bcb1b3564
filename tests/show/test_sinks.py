"""One set of sinks for shows that are rendered and shows that are played."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from phosphene.config import PipelineConfig
from phosphene.show.drawing import Part, draw, draw_frames
from phosphene.show.dream import breath
from phosphene.show.sinks.encoded import VideoSink
from phosphene.show.sinks.file import file_target
from phosphene.show.sinks.memory import MemorySink
from phosphene.show.sinks.segments import SegmentSink
from phosphene.show.sinks.sink import Sink
from phosphene.show.sources.song import SongSource
from phosphene.video.spec import VideoSpec
from tests.show.toy import toy

FPS = Fraction(24)
SIDE = 64


class Folder:
    """A shelf of segments."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.paths: list[Path] = []

    @property
    def next_path(self) -> Path:
        return self._folder / f"{len(self.paths)}.mp4"

    def add(self, frames: int, state: bytes) -> None:
        self.paths.append(self.next_path)


def config() -> PipelineConfig:
    config = PipelineConfig()
    config.inference.width = config.inference.height = SIDE
    config.video.segment_seconds = 0.5
    config.video.crf = 12
    return config


def frames_in(paths: list[Path]) -> np.ndarray:
    frames = []
    for path in paths:
        with av.open(str(path)) as file:
            frames += [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    return np.array(frames, np.float32)


def test_a_render_goes_to_any_sink(tmp_path: Path) -> None:
    """The recording of live shows takes a render's frames, each at its place, and segments hold the same."""
    features, settings = breath(1.0, float(FPS), seed=3), config()
    shelf, memory = Folder(tmp_path), MemorySink()
    file = tmp_path / "show.mp4"
    recording = VideoSink(file_target(str(file), 12, "veryfast"), (SIDE, SIDE), FPS)
    spec = VideoSpec.of(settings.video, (SIDE, SIDE), FPS)
    for sink in (memory, recording, SegmentSink(shelf, spec)):
        assert list(draw(Part(), sink, FPS, features, settings, toy())) == list(range(1, 25))
    drawn = np.array(memory.take(), np.float32)
    assert not memory.take()
    assert (drawn == np.array(list(draw_frames(SongSource(features), settings, toy())))).all()
    for shown in (frames_in([file]), frames_in(shelf.paths)):
        assert shown.shape == drawn.shape
        # what each frame is nearest to among those drawn is itself, coded with loss
        assert np.abs(shown - drawn).mean() < 0.5 * np.abs(shown - drawn[::-1]).mean()
    assert len(shelf.paths) == 2


def test_a_part_is_numbered_as_in_the_whole() -> None:
    class Indices(Sink):
        def __init__(self) -> None:
            self.indices: list[int] = []
            self.calls: list[str] = []

        def open(self) -> None:
            self.calls.append("open")

        def write(self, image: np.ndarray, index: int) -> None:
            self.indices.append(index)

        def close(self) -> None:
            self.calls.append("close")

    sink = Indices()
    features = breath(1.0, float(FPS), seed=3)
    list(draw(Part(12, 20, warm_up=4), sink, FPS, features, config(), toy()))
    assert sink.indices == list(range(12, 20))
    assert sink.calls == ["open", "close"]


def test_a_sink_that_breaks_ends_the_render_and_is_closed() -> None:
    class Full(MemorySink):
        closed = 0

        def write(self, image: np.ndarray, index: int) -> None:
            if index == 3:
                raise OSError("no room")
            super().write(image, index)

        def close(self) -> None:
            self.closed += 1

    sink = Full()
    with pytest.raises(OSError, match="no room"):
        list(draw(Part(), sink, FPS, breath(1.0, float(FPS), seed=3), config(), toy()))
    assert sink.closed == 1
    assert len(sink.take()) == 3
