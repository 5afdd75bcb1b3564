"""Frames of a video file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from phosphene.errors import InputError
from phosphene.video.spec import Size

LOCAL = {"protocol_whitelist": "file"}
"""a playlist must not reach for the network"""


@dataclass(frozen=True, eq=False)
class TimedFrame:
    """A decoded picture."""

    time: float
    """seconds from the start of the file's clock"""
    image: npt.NDArray[np.uint8]
    """RGB, shape (height, width, 3), upright"""


def read_frames(path: Path, size: Size | None = None) -> Iterator[TimedFrame]:
    """Decode the first video stream of ``path`` in order of display.

    Pictures are turned upright and, with ``size`` (width, height), scaled to it. Packets that cannot
    be decoded are skipped. Raises :class:`InputError` when there is no picture to read.
    """
    try:
        with av.open(f"file:{path}", options=LOCAL, metadata_errors="ignore") as container:
            if not container.streams.video:
                raise InputError(f"{path} has no picture: give a video file.")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            scaler = VideoReformatter()
            for packet in container.demux(stream):
                for frame in _decode(packet):
                    yield TimedFrame(float(frame.time), _upright(frame, size, scaler))
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(
            f"{path} cannot be read as video ({error.strerror}): give another file."
        ) from error


def _decode(packet: av.Packet[av.VideoStream]) -> list[av.VideoFrame]:
    try:
        return list(packet.decode())
    except av.error.InvalidDataError:
        return []


def _upright(
    frame: av.VideoFrame, size: Size | None, scaler: VideoReformatter
) -> npt.NDArray[np.uint8]:
    """RGB pixels, turned by the angle that the file asks players to turn by."""
    quarters = round(frame.rotation / 90) % 4
    width, height = size or (None, None)
    if quarters % 2:
        width, height = height, width
    rgb = scaler.reformat(
        frame,
        width=width,
        height=height,
        format="rgb24",
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.BICUBIC,
    )
    return np.ascontiguousarray(np.rot90(rgb.to_ndarray(), quarters))
