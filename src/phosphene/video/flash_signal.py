"""What WCAG 2.3.1 watches in a picture: luminance and saturated red, on a coarse grid."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.uint8]
"""uint8 RGB picture, shape (height, width, 3)"""
Signals = npt.NDArray[np.float32]
"""(2, rows, columns): relative luminance and saturated red of every block, 0..1"""

GRID = 16
"""blocks along each side"""
READ_ROWS, READ_COLUMNS = 128, 256
"""about as many are measured; neighbouring rows are averaged first, columns beyond are skipped"""
# cubic fit of the sRGB curve, off by less than 0.002 and three times as fast as a table
CUBIC = tuple(np.float32(c) for c in (0.305306011, 0.682171111, 0.012522878))
LUMINANCE = np.array((0.2126, 0.7152, 0.0722), np.float32)
"""WCAG 2.2, relative luminance"""
SATURATED = np.float32(0.8)
"""WCAG 2.2: red is saturated where R / (R + G + B) is at least this"""


def block_signals(frame: Frame) -> Signals:
    """Mean linear light of every block of a ``frame``, as WCAG's two signals.

    Fine patterns average out, as the guideline wants. Rows and columns at the edge that do not fill
    a block are left out, less than one block in all.
    """
    return signals_of(thin_out(frame))


def signals_of(thin: npt.NDArray[np.float32]) -> Signals:
    """The same of what :func:`thin_out` left of a picture."""
    light = _linear(thin)
    rows, columns = (min(GRID, side) for side in light.shape[:2])
    high, wide = light.shape[0] // rows, light.shape[1] // columns
    light = light[: rows * high, : columns * wide]
    sums = light.reshape(rows, high, -1).sum(axis=1).reshape(rows, columns, wide, 3).sum(axis=2)
    blocks = sums / np.float32(high * wide)
    red, green, blue = np.moveaxis(blocks, -1, 0)
    # WCAG scales (R - G - B) by 320 and asks for 20; here both stay in 0..1
    pure = np.where(red >= SATURATED * (red + green + blue), red - green - blue, np.float32(0))
    return np.stack((blocks @ LUMINANCE, pure))


def thin_out(frame: Frame) -> npt.NDArray[np.float32]:
    """About 128 x 256 pixels of ``frame``, as sRGB 0..1."""
    height, width = frame.shape[:2]
    group, stride = max(1, height // READ_ROWS), max(1, width // READ_COLUMNS)
    rows = frame[: height // group * group].reshape(-1, group, width, 3)
    total = rows[:, 0].astype(np.uint16)
    for index in range(1, group):
        total += rows[:, index]
    return np.multiply(total[:, ::stride], np.float32(1 / (255 * group)), dtype=np.float32)


def _linear(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    y = x * CUBIC[0]
    y += CUBIC[1]
    y *= x
    y += CUBIC[2]
    y *= x
    return y
