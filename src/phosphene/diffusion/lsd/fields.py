"""Pictures before their colours: a field says how light each place is, and where in a palette it lies.

A field is what the renderer computes first and a remembered loop is made of; any palette can be laid on it,
exactly, by looking colours up.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.uint8]
"""(2, h, w): place in the palette, 0..255, and light, 0..255 for 0..`BRIGHTEST`"""
Colours = npt.NDArray[np.uint8]
"""(256, LIGHTS, 3) sRGB of every place and light"""

BRIGHTEST = 2.0
"""light at 255: 1 shows the palette's own colour"""
LIGHTS = 128
"""lights that colours are looked up for"""
SPILL = 0.35
"""of what exceeds white in one channel, how much the others are lifted: light turns white, not another hue"""


def colours(palette: npt.NDArray[np.uint8]) -> Colours:
    """What a palette (256, 3) looks like under every light."""
    light = np.linspace(0, BRIGHTEST, LIGHTS, dtype=np.float32)[:, None]
    lit = palette[:, None].astype(np.float32) * light
    over = np.maximum(lit - 255, 0).max(axis=-1, keepdims=True)
    return np.asarray(np.rint(np.clip(lit + SPILL * over, 0, 255)), np.uint8)


def coloured(field: Field, table: Colours) -> npt.NDArray[np.uint8]:
    """The picture (h, w, 3) of a field."""
    place, light = field.astype(np.intp)
    index = place * LIGHTS + light * LIGHTS // 256
    picture: npt.NDArray[np.uint8] = table.reshape(-1, 3).take(index, axis=0)
    return picture


def between(now: Field, after: Field, share: float) -> Field:
    """The field ``share`` 0..1 of the way from one to another: their mixture."""
    part = round(256 * share)
    mixed = now.astype(np.uint16) * (256 - part) + after.astype(np.uint16) * part
    return np.asarray((mixed + 128) >> 8, np.uint8)
