"""Frames of a song's video drawn into segments: what a render does, and a worker far away."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from phosphene.audio import AudioFeatures
from phosphene.config import PipelineConfig
from phosphene.diffusion import BaseDiffusionPipeline, StreamDiffusionPipeline
from phosphene.show.cadence import key_frames
from phosphene.show.finish import Finisher, unpack
from phosphene.show.mapping import Mapping
from phosphene.show.performance import Performance
from phosphene.show.sources.moments import Source
from phosphene.show.sources.song import SongSource
from phosphene.stream.state import StreamState
from phosphene.video.encoder import Sink, ThreadedWriter
from phosphene.video.flash import FlashLimiter
from phosphene.video.recorder import Recorder, Shelf
from phosphene.video.spec import VideoSpec, segment_frames
from phosphene.video.writer import Frame


@dataclass(frozen=True)
class Part:
    """Which frames of a video to draw, and what went before them."""

    first: int = 0
    """a frame at which a segment begins"""
    end: int | None = None
    """a frame at which one begins, not drawn any more; ``None``: to the end of the video"""
    state: bytes | None = None
    """what was kept with the segment before; the frames are then the very ones of a single run"""
    warm_up: int = 0
    """without a ``state``: frames drawn before ``first`` and thrown away, so that the picture is
    about where it would be"""


def draw(
    part: Part,
    shelf: Shelf,
    spec: VideoSpec,
    source: Source | AudioFeatures,
    config: PipelineConfig,
    base: BaseDiffusionPipeline,
    mapping: Mapping | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[int]:
    """Draw a part of a video into segments on ``shelf``; tells how many frames of the video there are.

    ``base`` must draw at the configured size; ``say`` is told what was chosen by measuring. Drawing,
    decoding, moving and encoding run side by side.
    """
    source = SongSource(source) if isinstance(source, AudioFeatures) else source
    total = source.num_frames
    end = total if part.end is None else part.end
    if part.first >= end:
        return
    begin = part.first
    stream, performance, limiter = _opened(source, config, base, mapping, float(spec.rate))
    finished: list[bytes] = []
    if part.state is not None:
        *played, limited, lit = unpack(part.state)
        performance.restore(*played)
        finished = [limited, lit]
    else:
        performance.settle()
        if config.stream.cadence == "auto":
            say(f"cadence auto: one picture in {performance.cadence} is drawn.")
        keys = key_frames(source, performance.cadence)
        begin = keys[bisect_right(keys, max(0, begin - part.warm_up)) - 1]
        stream.state = StreamState(frame=begin)
        for frame in range(begin):
            performance.pass_over(frame)
    # where a part ends a segment does, also when nobody could go on from there
    length = segment_frames(config.video, spec.rate)
    ends = {end, *segment_ends(total, length, performance.unsure)}
    with ThreadedWriter(Recorder(shelf, spec)) as encoder:
        finish = Finisher(base, limiter, _After(part.first - begin, encoder), float(spec.rate))
        if finished:
            finish.restore(*finished)
        with ThreadedWriter(finish) as finisher:
            for done, tween in enumerate(performance.tweens(begin, total), start=begin + 1):
                finisher.write(tween)
                if done <= part.first:
                    continue
                if done in ends:
                    finisher.cut(performance.dump() if done < total else b"")
                yield done
                if done == end:
                    break


def draw_frames(
    source: Source,
    config: PipelineConfig,
    base: BaseDiffusionPipeline,
    take: Callable[[Frame], None],
    mapping: Mapping | None = None,
) -> Iterator[int]:
    """The same pictures, given to ``take`` one by one; counts them."""
    _, performance, limiter = _opened(source, config, base, mapping, source.fps)
    performance.settle()
    finisher = Finisher(base, limiter, _Taken(take), source.fps)
    for done, tween in enumerate(performance.tweens(0, source.num_frames), start=1):
        finisher.write(tween)
        yield done


def _opened(
    source: Source,
    config: PipelineConfig,
    base: BaseDiffusionPipeline,
    mapping: Mapping | None,
    rate: float,
) -> tuple[StreamDiffusionPipeline, Performance, FlashLimiter | None]:
    """What draws a show and what holds its flashes, before the first frame."""
    stream = StreamDiffusionPipeline(base, config.stream)
    stream.set_negative_prompt(config.prompt.negative_prompt)
    limiter = FlashLimiter(rate) if config.video.limit_flashes else None
    return stream, Performance(source, config, stream, mapping), limiter


def segment_ends(total: int, length: int, lead: int) -> Iterator[int]:
    """Frame counts at which segments end.

    The last ``lead`` frames leave a stream that is being emptied, from which nobody could go on, so
    they belong to the last segment.
    """
    yield from range(length, max(0, total - lead), length)
    yield total


class _After:
    """Hands frames to ``sink`` once ``skip`` of them are over."""

    def __init__(self, skip: int, sink: Sink[Frame]) -> None:
        self._skip = skip
        self._sink = sink

    def write(self, frame: Frame) -> None:
        if self._skip > 0:
            self._skip -= 1
        else:
            self._sink.write(frame)

    def cut(self, state: bytes) -> None:
        self._sink.cut(state)

    def cancel(self) -> None:
        """The sink is cancelled by who opened it."""


class _Taken:
    """A sink that hands frames to a function."""

    def __init__(self, take: Callable[[Frame], None]) -> None:
        self._take = take

    def write(self, frame: Frame) -> None:
        self._take(frame)

    def cut(self, state: bytes) -> None:
        """Nothing is kept."""

    def cancel(self) -> None:
        """Nothing to drop."""
