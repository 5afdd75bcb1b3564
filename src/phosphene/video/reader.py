"""Frames of a video file, with the time each is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.filter
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from phosphene.media import PYAV
from phosphene.video.clip import Clip, opened, picture_stream, probe
from phosphene.video.colour import BT470BG, BT709, RGB, Colour
from phosphene.video.spec import Size
from phosphene.video.timing import Shown
from phosphene.video.tonemap import tone_map

MISSING_SHARE, MISSING_SECONDS = Fraction(1, 20), Fraction(1)
"""a file that ends this much before it says it does is cut short; containers round by less"""
ALONE = {"threads": 1} if PYAV >= 17 else {}
"""frames are scaled beside other work; PyAV 16 does so anyway"""


@dataclass(frozen=True, eq=False)
class TimedFrame:
    """A decoded picture."""

    time: float
    """seconds from the start of the file's clock"""
    image: npt.NDArray[np.uint8]
    """RGB, shape (height, width, 3), upright"""


def read_frames(path: Path, size: Size | None = None) -> Iterator[TimedFrame]:
    """Decode the first moving picture of ``path`` in order of display.

    Pictures are turned upright, brought to RGB and, with ``size`` (width, height), scaled to it.
    Packets that cannot be decoded are skipped. Raises :class:`InputError` when there is no picture
    to read.
    """
    clip = probe(path)
    upright = Upright(clip, size or clip.size)
    for shown in Frames(clip):
        yield TimedFrame(float(shown.begin), upright(shown.picture))


class Frames:
    """All decoded frames of a clip, each with its time from the clip's start.

    Packets that cannot be decoded are skipped: the frame before them stays. Iterating raises
    :class:`InputError` when the file cannot be read any more.
    """

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._until = clip.start
        """seconds on the file's clock at which the last packet of a picture ends, so far"""
        self.lost = 0
        """packets that could not be decoded, so far"""
        self.missing: Fraction | None = None
        """seconds that the file says it has and has not, once it was read to the end"""

    def __iter__(self) -> Iterator[Shown[av.VideoFrame]]:
        held: Shown[av.VideoFrame] | None = None
        for frame in self._decode():
            usual = self._length(frame)
            begin = self._time(frame, held)
            if held is not None:
                yield replace(held, end=begin)
            held = Shown(begin, begin + usual, frame)
        if held is not None:
            # where pictures are stored in another order, the time of the last may be another packet's
            yield replace(held, end=max(held.end, self._until - self._clip.start))

    def _decode(self) -> Iterator[av.VideoFrame]:
        with opened(self._clip.path) as container:
            stream = picture_stream(self._clip.path, container)
            stream.thread_type = "AUTO"
            reached = self._clip.start
            whole = Deinterlacer()
            try:
                # all streams, so that the end of the file is known when it comes
                for packet in container.demux():
                    reached = max(reached, _end(packet))
                    if packet.stream.index != stream.index:
                        continue
                    self._until = max(self._until, _end(packet))
                    try:
                        frames = packet.decode()
                    except av.error.InvalidDataError:
                        self.lost += 1
                        continue
                    for frame in frames:
                        yield from whole(frame)
            except av.error.InvalidDataError:
                self.lost += 1  # cut off in the middle of a packet
            yield from whole(None)
            self.missing = self._missing(reached)

    def _time(self, frame: av.VideoFrame, before: Shown[av.VideoFrame] | None) -> Fraction:
        """Seconds from the clip's start; counted on where the file does not say or goes back."""
        if frame.pts is None:
            return before.end if before is not None else Fraction(0)
        time = frame.pts * Fraction(frame.time_base) - self._clip.start
        if before is not None and time <= before.begin:
            return before.begin + self._clip.time_base
        return Fraction(time)

    def _length(self, frame: av.VideoFrame) -> Fraction:
        if frame.duration:
            return Fraction(frame.duration * frame.time_base)
        return 1 / self._clip.rate

    def _missing(self, reached: Fraction) -> Fraction | None:
        if self._clip.duration is None:
            return None
        missing = self._clip.duration - (reached - self._clip.start)
        enough = max(MISSING_SECONDS, self._clip.duration * MISSING_SHARE)
        return missing if missing > enough else None


class Deinterlacer:
    """Makes whole pictures of interlaced ones, each from its own two fields and its neighbours'.

    Pictures that are not marked as interlaced pass as they are; from the first marked one on they come one
    picture late, so the end is asked for with None.
    """

    def __init__(self) -> None:
        self._graph: Any = None

    def __call__(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """The pictures that are ready."""
        if self._graph is None:
            if frame is None:
                return
            if not frame.interlaced_frame:
                yield frame
                return
            self._graph = self._build(frame)
        self._graph.push(frame)
        while True:
            try:
                yield self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return

    def _build(self, frame: av.VideoFrame) -> Any:
        graph = av.filter.Graph()
        if PYAV >= 17:
            graph.threads = 1
        source = graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format.name,
            time_base=frame.time_base,
        )
        # one picture for each, and only for those that are marked (FFmpeg, libavfilter/vf_bwdif.c)
        weave = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        graph.link_nodes(source, weave, graph.add("buffersink")).configure()
        return graph


class Upright:
    """Turns decoded frames of a clip into upright RGB pictures of one ``size`` (width, height)."""

    def __init__(self, clip: Clip, size: Size) -> None:
        self._clip = clip
        self._size = clip.orientation.size(size)
        self._scaler = VideoReformatter()
        # PyAV 16 heeds the matrix only where the one of the result, which RGB has not, is another
        other = BT709 if clip.colour.coefficients == BT470BG else BT470BG
        self._asking = {"dst_colorspace": other} if PYAV < 17 else {}

    def __call__(self, frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
        """uint8 RGB (height, width, 3); high dynamic range is tone-mapped."""
        told = self._clip.colour
        colour = Colour.of(frame, told.primaries, told.transfer)
        hdr = colour.hdr
        pixels: npt.NDArray[Any] = self._scaler.reformat(
            frame,
            width=self._size[0],
            height=self._size[1],
            format="rgb24" if hdr is None else "rgb48le",
            src_colorspace=None if colour.matrix == RGB else colour.coefficients,
            src_color_range=ColorRange(colour.range_code),
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.BICUBIC,
            **ALONE,
            **self._asking,
        ).to_ndarray()
        if hdr is not None:
            pixels = tone_map(pixels, hdr, self._clip.peak)
        return self._clip.orientation.apply(pixels)


def _end(packet: av.Packet[av.stream.Stream]) -> Fraction:
    """Seconds on the file's clock at which a packet ends, as far as it says."""
    at = packet.pts if packet.pts is not None else packet.dts
    if at is None or packet.time_base is None:
        return Fraction(0)
    return Fraction((at + (packet.duration or 0)) * packet.time_base)
