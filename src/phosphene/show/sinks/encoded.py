"""Pictures to an H.264 stream in any container, while they are made."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from phosphene.show.sinks.sink import Sink
from phosphene.show.sinks.sized import Sized
from phosphene.show.sinks.sound import RATE
from phosphene.sound_file import Samples
from phosphene.video.spec import Size
from phosphene.video.writer import Frame

BT709 = 1
"""ITU-T H.273 code for primaries, transfer and matrix alike"""
KEYFRAME_SECONDS = 2
"""what streaming services ask for"""
CONNECT_SECONDS = 5.0
SOUND_BITS = 160_000
"""a second of stereo; silence takes next to none of them"""


@dataclass(frozen=True)
class Target:
    """Where a stream goes, and how it is encoded."""

    url: str
    name: str
    container: str
    """FFmpeg's name of the format"""
    container_options: dict[str, str]
    codec_options: dict[str, str]
    sound: bool
    """whether it has a sound track; streaming services refuse pictures without one"""
    retry: bool


class VideoSink(Sink):
    """A :class:`~.sink.Sink` through PyAV."""

    def __init__(self, target: Target, size: Size, rate: Fraction) -> None:
        self.name = target.name
        self.retry = target.retry
        self._target = target
        self._size = size
        self._rate = rate
        self._sized = Sized(
            size,
            "yuv420p",
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )
        self.hears = target.sound
        self._container: Any = None
        self._heard = 0

    def open(self) -> None:
        """Create the file, or connect."""
        target = self._target
        self._container = av.open(
            *(target.url, "w", target.container),
            container_options=target.container_options,
            timeout=CONNECT_SECONDS,
        )
        stream = self._container.add_stream("libx264", self._rate, options=target.codec_options)
        context = stream.codec_context
        context.width, context.height = self._size
        context.pix_fmt = "yuv420p"
        context.time_base = 1 / self._rate
        context.gop_size = max(1, round(KEYFRAME_SECONDS * self._rate))
        context.color_range = ColorRange.MPEG
        context.color_primaries = context.color_trc = context.colorspace = BT709
        self._stream = stream
        self._heard = 0
        if target.sound:
            self._track = self._container.add_stream("aac", rate=RATE, layout="stereo")
            self._track.bit_rate = SOUND_BITS
        # connects now, not with the first frame
        self._container.start_encoding()

    def write(self, image: Frame, index: int) -> None:
        """Encode one frame."""
        frame = self._sized.frame(image)
        frame.pts, frame.time_base = index, 1 / self._rate
        self._container.mux(self._stream.encode(frame))

    def sound(self, samples: Samples) -> None:
        """Encode sound."""
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", "stereo")
        frame.sample_rate = RATE
        frame.pts, frame.time_base = self._heard, Fraction(1, RATE)
        self._heard += samples.shape[1]
        self._container.mux(self._track.encode(frame))

    def close(self) -> None:
        """Write what is left and close."""
        container, self._container = self._container, None
        if container is None:
            return
        try:
            container.mux(self._stream.encode(None))
            if self.hears:
                container.mux(self._track.encode(None))
        finally:
            container.close()
