"""Frames of a song's video drawn into a sink: what a render does, and a worker far away."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

from phosphene.audio import AudioFeatures
from phosphene.config import PipelineConfig
from phosphene.diffusion import BasePipeline
from phosphene.diffusion.chunk_stream import AnyStream, open_stream
from phosphene.show.cadence import key_frames
from phosphene.show.finish import Finisher, unpack
from phosphene.show.mapping import Mapping
from phosphene.show.performance import Performance
from phosphene.show.sinks.memory import MemorySink
from phosphene.show.sinks.sink import Sink
from phosphene.show.sources.moments import Source
from phosphene.show.sources.song import SongSource
from phosphene.stream.state import StreamState
from phosphene.video.encoder import ThreadedWriter
from phosphene.video.flash import FlashLimiter
from phosphene.video.spec import segment_frames
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
    sink: Sink,
    rate: Fraction,
    source: Source | AudioFeatures,
    config: PipelineConfig,
    base: BasePipeline,
    mapping: Mapping | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[int]:
    """Draw a part of a video into ``sink``, at ``rate`` frames a second; tells how many frames there are.

    ``base`` must draw at the configured size; ``say`` is told what was chosen by measuring. Drawing,
    decoding, moving and encoding run side by side.
    """
    source = SongSource(source) if isinstance(source, AudioFeatures) else source
    total = source.num_frames
    end = total if part.end is None else part.end
    if part.first >= end:
        return
    begin = part.first
    stream, performance, limiter = _opened(source, config, base, mapping, float(rate))
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
    length = segment_frames(config.video, rate)
    ends = {end, *segment_ends(total, length, performance.unsure)}
    with opened(sink), ThreadedWriter(Numbered(sink, begin, part.first)) as encoder:
        finish = Finisher(base, limiter, encoder, float(rate))
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
    base: BasePipeline,
    mapping: Mapping | None = None,
) -> Iterator[Frame]:
    """The same pictures, one by one, each when it is asked for."""
    _, performance, limiter = _opened(source, config, base, mapping, source.fps)
    performance.settle()
    sink = MemorySink()
    finisher = Finisher(base, limiter, Numbered(sink), source.fps)
    for tween in performance.tweens(0, source.num_frames):
        finisher.write(tween)
        yield from sink.take()


@contextmanager
def opened(sink: Sink) -> Iterator[None]:
    """Open a sink, and close it in the end."""
    try:
        sink.open()
        yield
    finally:
        sink.close()


def _opened(
    source: Source,
    config: PipelineConfig,
    base: BasePipeline,
    mapping: Mapping | None,
    rate: float,
) -> tuple[AnyStream, Performance, FlashLimiter | None]:
    """What draws a show and what holds its flashes, before the first frame."""
    stream = open_stream(base, config.stream)
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


class Numbered:
    """Frames one by one, the first called ``index``, to a sink that takes those from ``first`` on."""

    def __init__(self, sink: Sink, index: int = 0, first: int = 0) -> None:
        self._sink = sink
        self._index = index
        self._first = first

    def write(self, frame: Frame) -> None:
        if self._index >= self._first:
            self._sink.write(frame, self._index)
        self._index += 1

    def cut(self, state: bytes) -> None:
        self._sink.cut(state)

    def cancel(self) -> None:
        """The sink is closed by who opened it."""
