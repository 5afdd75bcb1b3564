"""Palettes: 256 colours from dark to light, mixed where eyes see no mud, in OKLab (Ottosson 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
"""sRGB, 0..255; a palette is (256, 3)"""

PLACES = 256
"""colours of a palette"""

LIVELIER = 4.0
"""most by which a mixture of opposite hues is made more vivid; beyond, it has no hue worth it"""

# Ottosson 2020, "A perceptual color space for image processing"
_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
_FROM_LAB, _FROM_LMS = np.linalg.inv(_TO_LAB), np.linalg.inv(_TO_LMS)


def to_oklab(rgb: FloatArray) -> FloatArray:
    """(..., 3) sRGB 0..255 -> OKLab, lightness 0..1."""
    share = rgb / np.float32(255)
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    lab: FloatArray = (np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T).astype(np.float32)
    return lab


def from_oklab(lab: FloatArray) -> FloatArray:
    """(..., 3) OKLab -> sRGB 0..255; what no screen can show is clipped."""
    linear = np.clip((lab @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T, 0, 1)
    share = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(255 * share, np.float32)


def mix(palettes: FloatArray, weights: Sequence[float] | FloatArray) -> FloatArray:
    """(256, 3): palettes (n, 256, 3) mixed by ``weights`` (n,), of which only the ratio matters.

    Negative weights count as none. One palette alone comes back as it is.
    """
    share = np.maximum(np.asarray(weights, np.float32), 0)
    used = np.flatnonzero(share)
    if len(used) == 0:
        used, share = np.array([0]), np.ones(1, np.float32)
    if len(used) == 1:
        return np.asarray(palettes[int(used[0])], np.float32)
    lab = to_oklab(np.asarray(palettes[used], np.float32))
    part = (share[used] / share[used].sum()).astype(np.float32)
    mixed = np.tensordot(part, lab, 1)
    # the mean of two hues is duller than both: it gets their vividness back
    vivid = np.tensordot(part, np.linalg.norm(lab[..., 1:], axis=-1), 1)
    own = np.linalg.norm(mixed[:, 1:], axis=-1)
    mixed[:, 1:] *= np.minimum(vivid / np.maximum(own, 1e-6), LIVELIER)[:, None]
    return from_oklab(mixed.astype(np.float32))
