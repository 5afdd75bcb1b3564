"""Which way up a file asks its pictures to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from phosphene.video.spec import Size

if TYPE_CHECKING:
    import av


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
