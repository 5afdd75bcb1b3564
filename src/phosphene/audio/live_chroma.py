"""Live harmony: pitch classes now, in a tuning that is learnt while listening."""

from __future__ import annotations

import numpy as np

from phosphene.audio.chroma import (
    AUDIBLE_PEAK,
    PRESENT,
    PitchAnalysis,
    fold_pitches,
    normalise,
    tuning,
    tuning_turn,
)
from phosphene.audio.types import FloatArray

TUNING_SECONDS = 20.0
"""time constant with which the tuning of what was heard is forgotten"""


class LiveChroma:
    """Pitch classes of one window after another."""

    def __init__(self, rate: int) -> None:
        self._find = PitchAnalysis(rate)
        self.length = self._find.length
        """samples in a window"""
        self.value: FloatArray = np.zeros(12, np.float32)
        """(12,) C to B, the largest is 1, or all 0 when there is no harmony"""
        self.strength: FloatArray = np.zeros(12, np.float32)
        """(12,) the same as amplitudes"""
        self._turn = 0j
        self._weight = 0.0

    def hear(self, window: FloatArray, loud: float, seconds: float) -> None:
        """Take the window (1, length) that ends now, ``seconds`` after the last one."""
        row, pitch, strength = self._find(window, loud * AUDIBLE_PEAK)
        keep = float(np.exp(-seconds / TUNING_SECONDS))
        self._turn = self._turn * keep + tuning_turn(pitch, strength)
        self._weight = self._weight * keep + float(strength.sum())
        folded = fold_pitches(row, pitch - tuning(self._turn, self._weight), strength, 1)
        self.strength = folded[0]
        self.value = normalise(folded, PRESENT * loud)[0]
