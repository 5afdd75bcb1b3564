"""Pictures to an H.264 stream in any container, while they are made."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from phosphene.show.sinks.sink import Sink
from phosphene.video.sizes import cover
from phosphene.video.spec import Size
from phosphene.video.writer import Frame

BT709 = 1
"""ITU-T H.273 code for primaries, transfer and matrix alike"""
KEYFRAME_SECONDS = 2
"""what streaming services ask for"""
CONNECT_SECONDS = 5.0
SILENCE_RATE = 44100
SILENCE_BITS = 64_000
AAC_SAMPLES = 1024
"""of one frame"""


@dataclass(frozen=True)
class Target:
    """Where a stream goes, and how it is encoded."""

    url: str
    name: str
    container: str
    """FFmpeg's name of the format"""
    container_options: dict[str, str]
    codec_options: dict[str, str]
    silent_sound: bool
    """streaming services refuse pictures without a sound track"""
    retry: bool


class VideoSink(Sink):
    """A :class:`~.sink.Sink` through PyAV."""

    def __init__(self, target: Target, size: Size, rate: Fraction) -> None:
        self.name = target.name
        self.retry = target.retry
        self._target = target
        self._size = size
        self._rate = rate
        self._scaler = VideoReformatter()
        self._container: Any = None
        self._silence: Silence | None = None

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
        self._silence = Silence(self._container) if target.silent_sound else None
        # connects now, not with the first frame
        self._container.start_encoding()

    def write(self, image: Frame, index: int) -> None:
        """Encode one frame."""
        self._container.mux(self._stream.encode(self._convert(image, index)))
        if self._silence is not None:
            self._silence.until(float((index + 1) / self._rate))

    def close(self) -> None:
        """Write what is left and close."""
        container, self._container = self._container, None
        if container is None:
            return
        try:
            container.mux(self._stream.encode(None))
        finally:
            container.close()

    def _convert(self, image: Frame, index: int) -> av.VideoFrame:
        width, height = self._size
        rows, columns = cover((image.shape[1], image.shape[0]), self._size)
        frame = self._scaler.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(image[rows, columns]), "rgb24"),
            width=width,
            height=height,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC,
        )
        frame.pts, frame.time_base = index, 1 / self._rate
        return frame


class Silence:
    """A sound track with nothing in it, stereo AAC, beside the pictures of ``container``."""

    def __init__(self, container: Any) -> None:
        self._container = container
        self._stream = container.add_stream("aac", rate=SILENCE_RATE, layout="stereo")
        self._stream.bit_rate = SILENCE_BITS
        self._samples = np.zeros((2, AAC_SAMPLES), np.float32)
        self._written = 0

    def until(self, seconds: float) -> None:
        """Fill up to ``seconds`` of the stream."""
        while self._written < seconds * SILENCE_RATE:
            frame = av.AudioFrame.from_ndarray(self._samples, "fltp", "stereo")
            frame.sample_rate = SILENCE_RATE
            frame.pts, frame.time_base = self._written, Fraction(1, SILENCE_RATE)
            self._container.mux(self._stream.encode(frame))
            self._written += AAC_SAMPLES
