"""Noise levels of Wan's causal students: straight lines between picture and noise, shifted towards noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

TABLE = 1000
"""entries of the schedule that the models were trained on"""


class ShiftedFlow:
    """``x = (1 - s) x0 + s e`` at 1000 levels, ``s = k u / (1 + (k - 1) u)`` for even u (Esser 2024, eq. 23).

    A model predicts ``v = e - x0``, so ``x0 = x - s v``; timesteps are ``1000 s``.
    """

    def __init__(self, shift: float) -> None:
        even: npt.NDArray[np.float64] = np.linspace(1.0, 0.0, TABLE + 1)[:TABLE]
        self.timesteps = 1000.0 * shift * even / (1.0 + (shift - 1.0) * even)
        """(1000,) noisiest first"""

    def warped(self, levels: Sequence[int]) -> tuple[float, ...]:
        """Timesteps of levels 1000..1 that count places in the table from its end."""
        return tuple(float(self.timesteps[TABLE - level]) for level in levels)

    def sigma(self, timestep: float) -> float:
        """Share of noise at a timestep 0..1000: that of the nearest entry, as in training; 0 at 0."""
        if timestep <= 0.0:
            return 0.0
        return float(self.timesteps[np.abs(self.timesteps - timestep).argmin()]) / 1000.0


def fewer(levels: Sequence[int], count: int) -> tuple[int, ...]:
    """``count`` of the levels a model was distilled at, noisiest first and evenly spread; all at most."""
    count = max(1, min(count, len(levels)))
    return tuple(levels[i * len(levels) // count] for i in range(count))
