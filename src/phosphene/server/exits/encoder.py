"""Pictures to an H.264 stream in any container, while they are made."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from phosphene.server.exits.silence import Silence
from phosphene.show.live.types import Frame
from phosphene.video.sizes import cover
from phosphene.video.spec import Size

BT709 = 1
"""ITU-T H.273 code for primaries, transfer and matrix alike"""
KEYFRAME_SECONDS = 2
"""what streaming services ask for"""
CONNECT_SECONDS = 5.0


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


def file_target(path: str, crf: int, preset: str) -> Target:
    """An MP4 in fragments: playable up to the last two seconds whatever happens to the machine."""
    return Target(
        url=f"file:{path}",
        name=f"recording {path}",
        container="mp4",
        container_options={
            "movflags": "frag_keyframe+empty_moov+default_base_moof",
            "flush_packets": "1",
        },
        # frames that wait for later ones would shift the start, which fragments cannot tell
        codec_options={"crf": str(crf), "preset": preset, "bf": "0"},
        silent_sound=False,
        retry=False,
    )


def rtmp_target(url: str, bitrate: int) -> Target:
    """A live stream at ``bitrate`` bits per second; the key in its address is not logged."""
    rate = str(bitrate)
    return Target(
        url=url,
        name=f"stream to {url.split('/')[2] if '://' in url else url}",
        container="flv",
        container_options={"flvflags": "no_duration_filesize"},
        codec_options={
            "preset": "veryfast",
            "tune": "zerolatency",
            "b": rate,
            "maxrate": rate,
            "bufsize": str(2 * bitrate),
        },
        silent_sound=True,
        retry=True,
    )


class VideoSink:
    """A :class:`~phosphene.server.exits.clocked.Sink` through PyAV."""

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

    def abort(self) -> None:
        """A file does not hang."""

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
