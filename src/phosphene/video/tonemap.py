"""High dynamic range pictures on a standard screen.

Light is computed in cd/m2 by the file's own curve, highlights are rolled off by the EETF of ITU-R
BT.2390 (on the strongest channel, so that hues stay), colours go from BT.2020 to BT.709 primaries,
and the result is coded for a screen with gamma 2.4 (BT.1886).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

Light = npt.NDArray[np.float32]
Curve = Literal["pq", "hlg"]

WHITE = 203.0
"""cd/m2; diffuse white of high dynamic range programmes (ITU-R BT.2408), white of the result"""
USUAL_PEAK = 1000.0
"""cd/m2; brightest light expected where the file does not say"""
# SMPTE ST 2084
M1, M2 = 2610 / 16384, 2523 / 4096 * 128
C1, C2, C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
PQ_PEAK = 10_000.0
# ITU-R BT.2100, table 5
HLG_A, HLG_B, HLG_C = 0.17883277, 0.28466892, 0.55991073
HLG_GAMMA = 1.2
"""system gamma of a 1000 cd/m2 display"""
BT2020_LUMA = np.array((0.2627, 0.6780, 0.0593), np.float32)
TO_BT709 = np.array(
    ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187)), np.float32
)
"""ITU-R BT.2087, annex 2: linear BT.2020 to linear BT.709"""
LEVELS = 1 << 16


def tone_map(
    picture: npt.NDArray[np.uint16], curve: Curve, peak: float = USUAL_PEAK
) -> npt.NDArray[np.uint8]:
    """BT.2020 RGB (h, w, 3), full-range uint16 -> BT.709 uint8 for a standard screen.

    ``peak`` is the brightest light of the programme, cd/m2.
    """
    light = _light(curve)[picture]
    if curve == "hlg":
        scene = light @ BT2020_LUMA
        light = light * (USUAL_PEAK * scene ** (HLG_GAMMA - 1.0))[..., None]
    strongest = light.max(axis=-1)
    light = (
        light * (_roll_off(strongest, max(peak, WHITE)) / np.maximum(strongest, 1e-6))[..., None]
    )
    shown = np.clip(light @ TO_BT709.T / np.float32(WHITE), 0, 1)
    coded: npt.NDArray[np.uint8] = np.rint(255 * shown ** np.float32(1 / 2.4)).astype(np.uint8)
    return coded


def pq_to_light(signal: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """PQ signal 0..1 -> cd/m2 (SMPTE ST 2084, EOTF)."""
    root = np.asarray(signal, np.float64) ** (1 / M2)
    return PQ_PEAK * (np.maximum(root - C1, 0) / (C2 - C3 * root)) ** (1 / M1)


def light_to_pq(light: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """cd/m2 -> PQ signal 0..1 (SMPTE ST 2084, inverse EOTF)."""
    power = (np.asarray(light, np.float64) / PQ_PEAK) ** M1
    return ((C1 + C2 * power) / (1 + C3 * power)) ** M2


def hlg_to_scene(signal: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """HLG signal 0..1 -> scene light 0..1 (ITU-R BT.2100, inverse OETF)."""
    e = np.asarray(signal, np.float64)
    return np.where(e <= 0.5, e * e / 3, (np.exp((e - HLG_C) / HLG_A) + HLG_B) / 12)


def eetf(light: npt.ArrayLike, peak: float) -> npt.NDArray[np.float64]:
    """cd/m2 of a programme with this ``peak`` -> cd/m2 up to :data:`WHITE` (ITU-R BT.2390-10, 5.4.1)."""
    source = light_to_pq(peak)
    e = np.minimum(light_to_pq(light) / source, 1)
    top = light_to_pq(WHITE) / source
    knee = 1.5 * top - 0.5
    t = np.maximum(e - knee, 0) / (1 - knee) if knee < 1 else np.zeros_like(e)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee
    spline += (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * top
    return pq_to_light(np.where(e < knee, e, spline) * source)


@lru_cache(maxsize=2)
def _light(curve: Curve) -> Light:
    """(65536,) light of every level: cd/m2 for pq, scene light 0..1 for hlg."""
    signal = np.arange(LEVELS) / (LEVELS - 1)
    light = pq_to_light(signal) if curve == "pq" else hlg_to_scene(signal)
    return light.astype(np.float32)


def _roll_off(light: Light, peak: float) -> Light:
    grid, rolled = _roll_off_table(peak)
    # evenly spaced in the fourth root, near enough to how the curve bends
    out: Light = np.interp(light**0.25, grid, rolled).astype(np.float32)
    return out


@lru_cache(maxsize=4)
def _roll_off_table(peak: float) -> tuple[Light, Light]:
    grid = np.linspace(0, PQ_PEAK**0.25, 4096)
    return grid.astype(np.float32), eetf(grid**4, peak).astype(np.float32)
