"""What the numbers of a video's pixels mean, in the codes of ITU-T H.273."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from phosphene.media import PYAV

if TYPE_CHECKING:
    import av

RGB, BT709, BT470BG, SMPTE170M = 0, 1, 5, 6
MATRICES = (1, 4, 5, 6, 7, 9)
"""matrices that FFmpeg's scaler converts: BT.709, FCC, BT.601 (625 and 525), SMPTE 240M, BT.2020"""
WRITABLE = frozenset(MATRICES) - ({9} if PYAV == 17 else set())
"""PyAV 17's scaler does not pass BT.2020 on to FFmpeg's"""
HDR_TRANSFERS: dict[int, Literal["pq", "hlg"]] = {16: "pq", 18: "hlg"}
FULL, LIMITED = 2, 1
"""FFmpeg's numbers for the range"""
HD_WIDTH, HD_HEIGHT = 1280, 720
"""pixels; untagged pictures from this size on are BT.709, smaller ones BT.601, as players take it"""


@dataclass(frozen=True)
class Colour:
    """How YUV numbers become light."""

    matrix: int = BT709
    primaries: int = BT709
    transfer: int = BT709
    full_range: bool = False
    """whether 0..255 is used, instead of 16..235"""

    @classmethod
    def of(cls, frame: av.VideoFrame, primaries: int, transfer: int) -> Colour:
        """The colour of a decoded frame; what the file does not say is taken as players do.

        ``primaries`` and ``transfer`` are the stream's: PyAV 16 does not tell a frame's own.
        """
        planar = not frame.format.is_rgb
        matrix = frame.colorspace
        if planar and matrix not in MATRICES:
            hd = frame.width >= HD_WIDTH or frame.height >= HD_HEIGHT
            matrix = BT709 if hd else BT470BG
        full = frame.color_range == FULL or frame.format.name.startswith("yuvj")
        primaries = getattr(frame, "color_primaries", primaries)
        transfer = getattr(frame, "color_trc", transfer)
        return cls(matrix if planar else RGB, primaries, transfer, full)

    @property
    def hdr(self) -> Literal["pq", "hlg"] | None:
        """Which high dynamic range curve it has, if any."""
        return HDR_TRANSFERS.get(self.transfer)

    @property
    def shown(self) -> Colour:
        """The colour in which 8-bit YUV of it is stored.

        High dynamic range has been tone-mapped to BT.709; RGB, and what cannot be written, needs some
        matrix; the rest stays.
        """
        if self.hdr is not None:
            return STANDARD
        if self.matrix not in WRITABLE:
            return Colour(BT709, self.primaries, self.transfer)
        return self

    @property
    def coefficients(self) -> int:
        """The scaler's number for the matrix: both BT.601 systems share one."""
        return BT470BG if self.matrix == SMPTE170M else self.matrix

    @property
    def range_code(self) -> int:
        """FFmpeg's number for the range."""
        return FULL if self.full_range else LIMITED


STANDARD = Colour()
"""BT.709, limited range"""
