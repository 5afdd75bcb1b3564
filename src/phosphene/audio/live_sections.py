"""Live section changes: the last moments against what went before."""

from __future__ import annotations

from collections import deque

import numpy as np

from phosphene.audio.sections import STEP, scale_rows
from phosphene.audio.types import FloatArray

MEMORY_SECONDS = 60.0
"""span over which the description is scaled"""
BEFORE_SECONDS = 10.0
AFTER_SECONDS = 2.0
"""what is compared: a change is reported about so long after it happened"""
SHORTEST_SECONDS = 8.0
"""seconds a section lasts at least"""
LEAST_CHANGE = (0.66, 0.42)
"""difference that makes a section, at a sensitivity of 0, and how much less it is at 1: at 0.5 recorded
songs change about where the analysis of the whole song says so"""


class LiveSections:
    """Counts changes of harmony, timbre and loudness that last."""

    def __init__(self, count: int = 0) -> None:
        self.count = count
        rows = round(MEMORY_SECONDS / STEP)
        self._timbre: deque[FloatArray] = deque(maxlen=rows)
        self._harmony: deque[FloatArray] = deque(maxlen=rows)
        self._age = 0

    def hear(
        self, timbre: FloatArray, harmony: FloatArray, loud: float, sensitivity: float
    ) -> None:
        """Take means over :data:`STEP` seconds of band amplitudes (b,) and pitch classes (12,)."""
        self._timbre.append(timbre)
        self._harmony.append(harmony)
        self._age += 1
        if sensitivity > 0 and self._age * STEP >= SHORTEST_SECONDS:
            rows = scale_rows(np.stack(self._timbre), np.stack(self._harmony), loud)
            if change(rows) > LEAST_CHANGE[0] - LEAST_CHANGE[1] * sensitivity:
                self.count += 1
                self._age = 0


def change(rows: FloatArray) -> float:
    """0..1: how different the last rows (k, d) are from those before, in units of their spread."""
    after = rows[-round(AFTER_SECONDS / STEP) :]
    before = rows[-round((BEFORE_SECONDS + AFTER_SECONDS) / STEP) : -len(after)]
    gap = float(np.square(after.mean(0) - before.mean(0)).sum())
    spread = float(before.var(0).sum())
    return gap / (gap + 2 * spread + 0.05)
