"""A video file to read from: what is in it, checked before any work is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError
from phosphene.media import open_media, plain_read_errors
from phosphene.video.colour import Colour
from phosphene.video.files import source_mark
from phosphene.video.spec import Size
from phosphene.video.tonemap import USUAL_PEAK, WHITE

if TYPE_CHECKING:
    import av

VIDEO = "a video"
STILL_BRANDS = frozenset(("avif", "heic", "heix", "mif1"))
"""pictures in an MP4 wrapper"""
UNSAID = {
    "SPHERICAL": "it goes all around (360 degrees)",
    "STEREO3D": "it holds a picture for each eye (3D)",
}
"""side data of frames that PyAV reads and does not write -> what it means"""
USUAL_RATE = Fraction(25)
"""frames per second, where a file does not say"""
PATIENCE = 300
"""packets that may fail before a file counts as undecodable"""


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways to lay down a picture: swap the sides, then mirror."""

    swap: bool = False
    """rows become columns"""
    mirror_x: bool = False
    """left and right change places"""
    mirror_y: bool = False
    """top and bottom change places"""

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        """What the display matrix of a decoded frame asks for; upright without one."""
        data = frame.side_data.get("DISPLAYMATRIX")
        if data is None:
            return cls()
        # x' = a x + c y and y' = b x + d y, y downwards (FFmpeg, libavutil/display.h)
        a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    def size(self, size: Size) -> Size:
        """(width, height) after, from (width, height) before; it is its own inverse."""
        return (size[1], size[0]) if self.swap else size

    def apply(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """``picture`` (height, width, 3) as it is to be shown, contiguous."""
        if self.swap:
            picture = picture.swapaxes(0, 1)
        picture = picture[:: -1 if self.mirror_y else 1, :: -1 if self.mirror_x else 1]
        return np.ascontiguousarray(picture)


@dataclass(frozen=True)
class Clip:
    """Facts about the moving picture of a file."""

    path: Path
    mark: str
    """of its content when it was looked at"""
    size: Size
    """(width, height) of the stored pixels, upright"""
    sample_aspect: Fraction
    """width over height of one upright pixel"""
    orientation: Orientation
    rate: Fraction
    """frames per second, on average"""
    time_base: Fraction
    """seconds; times of frames are multiples of it"""
    start: Fraction
    """seconds on the file's own clock at which it begins, picture or sound"""
    duration: Fraction | None
    """seconds from :attr:`start` to the end of picture and sound, where the file says"""
    colour: Colour
    bits: int
    """of one colour component"""
    peak: float
    """cd/m2; brightest light, for high dynamic range"""
    interlaced: bool
    """whether a picture is two fields, one line of each in turn"""
    lost: tuple[str, ...]
    """what its picture says about itself and a new file cannot, such as that it goes all around"""

    @property
    def display_size(self) -> Size:
        """(width, height) on a screen with square pixels."""
        width, height = self.size
        return max(1, round(width * self.sample_aspect)), height

    @property
    def notes(self) -> tuple[str, ...]:
        """What cannot stay as it is, one sentence each."""
        name, notes = self.path.name, []
        if self.colour.hdr is not None:
            curve = {"pq": "PQ", "hlg": "HLG"}[self.colour.hdr]
            notes.append(f"{name} is HDR ({curve}): it is tone-mapped to 8-bit BT.709.")
        elif self.bits > 8:
            notes.append(f"{name} has {self.bits} bits per colour: it becomes 8-bit.")
        if self.interlaced:
            notes.append(f"{name} is interlaced: its fields become whole pictures.")
        notes += [f"{name} says that {what}: the new file does not." for what in self.lost]
        return tuple(notes)


def probe(path: Path) -> Clip:
    """Open ``path``, decode one picture, and say what is there.

    Raises :class:`InputError` for what is not a video that can be decoded.
    """
    with opened(path) as container:
        mark = source_mark(path)
        stream = picture_stream(path, container)
        frame = _first_frame(path, container, stream)
        orientation = Orientation.of(frame)
        aspect = stream.sample_aspect_ratio or Fraction(1)
        rate = stream.average_rate or stream.guessed_rate or USUAL_RATE
        component = frame.format.components[0]
        context = stream.codec_context
        return Clip(
            path=path,
            mark=mark,
            size=orientation.size((frame.width, frame.height)),
            sample_aspect=1 / aspect if orientation.swap else aspect,
            orientation=orientation,
            rate=Fraction(rate),
            time_base=Fraction(stream.time_base or 1 / rate),
            start=Fraction(container.start_time or 0, av.time_base),
            duration=None if not container.duration else Fraction(container.duration, av.time_base),
            colour=Colour.of(frame, context.color_primaries, context.color_trc),
            bits=component.bits,
            peak=_peak(frame),
            interlaced=bool(frame.interlaced_frame),
            lost=tuple(text for kind, text in UNSAID.items() if frame.side_data.get(kind)),
        )


@contextmanager
def opened(path: Path) -> Iterator[av.container.InputContainer]:
    """The file, open; whatever goes wrong while it is read becomes an :class:`InputError`."""
    with open_media(path, VIDEO) as container, plain_read_errors(path, VIDEO):
        yield container


def picture_stream(path: Path, container: av.container.InputContainer) -> av.VideoStream:
    """The first moving picture. Raises :class:`InputError` where there is none."""
    covers = av.stream.Disposition.attached_pic | av.stream.Disposition.still_image
    moving = [s for s in container.streams.video if not s.disposition & covers]
    brand = container.metadata.get("major_brand")
    if container.format.name.endswith("_pipe") or brand in STILL_BRANDS:
        raise InputError(f"{path} is a still picture: give a video.")
    if not container.streams.video:
        what = "only sound" if container.streams.audio else "no picture"
        raise InputError(f"{path} has {what}: give a file with moving pictures.")
    if not moving:
        raise InputError(f"{path} has only a cover picture: give a file with moving pictures.")
    return moving[0]


def _first_frame(
    path: Path, container: av.container.InputContainer, stream: av.VideoStream
) -> av.VideoFrame:
    if stream.codec_context is None:
        raise InputError(f"{path} is in a format that cannot be decoded here: convert it first.")
    failed = 0
    for packet in container.demux(stream):
        if packet.has_sidedata("encryption_info"):
            raise InputError(f"{path} is encrypted: give a copy without copy protection.")
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            failed += 1
            if failed > PATIENCE:
                break
            continue
        for frame in frames:
            return frame
    if failed:
        raise InputError(f"no picture of {path} can be decoded: it is damaged or encrypted.")
    raise InputError(f"{path} has no pictures in it: give another file.")


def _peak(frame: av.VideoFrame) -> float:
    """MaxCLL of the content light level, if it is believable."""
    data = frame.side_data.get("CONTENT_LIGHT_LEVEL")
    if data is None:
        return USUAL_PEAK
    brightest = int(np.frombuffer(bytes(data), np.uint32)[0])
    return float(brightest) if WHITE <= brightest <= 10_000 else USUAL_PEAK
