"""The colours of a picture, from dark to light, and other pictures drawn in them.

The built-in model was trained on pictures in one palette each. A photograph is far from all of them: it comes
out grey. In the prompt's colours it keeps its shapes and is at home.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Frames = npt.NDArray[np.uint8]

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Rec. 709 weights"""
TONES = 32
"""mean colours that a palette is interpolated from"""
EVEN, STRETCHED = 0.25, 0.25
"""shares of histogram equalisation and of plain stretching, by which a dull picture uses more of a palette;
the rest is the luminance itself, which does not change when something else enters the picture"""
OUTLIERS = (0.01, 0.99)
"""shares of pixels at which stretching begins and ends"""


def palette_of(picture: Frames) -> FloatArray:
    """(256, 3) colours 0..255 of a picture (h, w, 3), by luminance.

    Each takes as much room as in the picture, halfway to as much as there are shades of it: a mostly
    black picture has a palette with light in it.
    """
    pixels = picture.reshape(-1, 3).astype(np.float32)
    ordered = pixels[np.argsort(pixels @ LUMA, kind="stable")]
    tones = np.stack([part.mean(0) for part in np.array_split(ordered, TONES)])
    at, places, light = np.linspace(0, 1, 256), np.linspace(0, 1, TONES), tones @ LUMA
    wanted = (np.interp(at, places, light) + light[0] + at * (light[-1] - light[0])) / 2
    at = np.interp(wanted, light, places)
    columns = [np.interp(at, places, tones[:, channel]) for channel in range(3)]
    return np.stack(columns, axis=1).astype(np.float32)


def dye(picture: Frames, palette: FloatArray, amount: float) -> Frames:
    """A picture (h, w, 3) in the colours of a palette (256, 3); ``amount`` 0 leaves it, 1 dyes it fully."""
    luma = luminance(picture)
    toned = palette[tone_curve(luma)][luma]
    mixed = picture + np.float32(amount) * (toned - picture)
    dyed: Frames = np.rint(mixed).astype(np.uint8)
    return dyed


def tone(picture: Frames, palette: FloatArray) -> Frames:
    """A picture (h, w, 3) in the colours of a palette (256, 3), as dark and as light as it is."""
    return np.asarray(np.rint(palette[luminance(picture)]), np.uint8)


def luminance(picture: Frames) -> Frames:
    """(h, w) grey levels of a picture (h, w, 3)."""
    grey: Frames = np.rint(picture.astype(np.float32) @ LUMA).astype(np.uint8)
    return grey


def tone_curve(luma: Frames) -> npt.NDArray[np.intp]:
    """(256,) rising place in a palette, 0..255, for every luminance of a picture (h, w)."""
    counts = np.bincount(luma.ravel(), minlength=256)
    # the middle of each bar: a flat picture lies in the middle of the palette
    share = (np.cumsum(counts) - 0.5 * counts) / counts.sum()
    low, high = np.searchsorted(np.cumsum(counts) / counts.sum(), OUTLIERS)
    plain = np.clip((np.arange(256) - low) / max(1, high - low), 0, 1)
    own = np.arange(256) / 255 * (1 - EVEN - STRETCHED)
    return np.asarray(np.rint(255 * (EVEN * share + STRETCHED * plain + own)), np.intp)
