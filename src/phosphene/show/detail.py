"""Fine lines of an input picture go back over what was drawn: a small model's own are soft."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Frame = npt.NDArray[np.uint8]

FINE = 1 / 24
"""of the shorter side: radius of the blur that tells lines from shapes"""
FADE = 10.0
"""lines stay whole up to strength 0.9, then fade to none at 1, which ignores the video"""


def detail_gain(detail: float, strength: float) -> float:
    """Share of the video's lines, 0..1, for a picture drawn with ``strength``."""
    return detail * min(1.0, FADE * (1.0 - strength))


def with_lines(drawn: Frame, source: Frame, gain: float) -> Frame:
    """``drawn`` with a share ``gain`` of its fine luma replaced by that of ``source``.

    Both are uint8 RGB (h, w, 3). Only what a Gaussian blur takes away is exchanged (one level of a
    Laplacian pyramid, Burt & Adelson 1983): colours, light and large shapes stay as they were drawn.
    """
    if gain <= 0:
        return drawn
    exchanged = np.float32(gain) * (_lines(source) - _lines(drawn))
    return changed(drawn, exchanged[..., None])


def changed(drawn: Frame, by: npt.NDArray[np.float32]) -> Frame:
    """``drawn`` (h, w, 3) and ``by`` grey levels more of it, (h, w, 1 or 3)."""
    levels = drawn + by
    np.rint(levels, out=levels)
    np.clip(levels, 0, 255, out=levels)
    return levels.astype(np.uint8)


def _lines(frame: Frame) -> npt.NDArray[np.int16]:
    """(h, w) what is finer than the blur, grey levels."""
    grey = Image.fromarray(frame).convert("L")
    smooth = grey.filter(ImageFilter.GaussianBlur(FINE * min(grey.size)))
    lines: npt.NDArray[np.int16] = np.asarray(grey, np.int16) - np.asarray(smooth, np.int16)
    return lines
