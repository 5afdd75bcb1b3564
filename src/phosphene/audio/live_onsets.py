"""Note attacks as they happen: the causal sister of :mod:`phosphene.audio.onsets`."""

from __future__ import annotations

from collections import deque

import numpy as np

from phosphene.audio.onsets import DECAY_SECONDS

AROUND_SECONDS = 0.2
"""how much of the past an attack must stand out of"""
STANDS_OUT = 1.6
"""times the mean of the past, where an attack begins"""
FLOOR = 0.12
"""share of a full attack under which a rise is none"""
FLUX_MIN = 3.0
"""summed log flux under which nothing is an attack: a steady tone has rounding errors only"""
GROW_SECONDS = 0.03
"""an attack that has begun grows for so long with its flux"""
REMEMBERED = 64
"""attacks whose heights tell what a full one is"""
FIRST_HEIGHTS = (25.0,) * 4
"""heights assumed before anything was heard: a usual drum over a usual mix"""


class LiveOnsets:
    """Jumps to an attack's strength within milliseconds of its sound, then falls.

    No look-ahead: an attack begins where the flux crosses a threshold taken from the past, and its
    strength follows the flux up to its top.
    """

    def __init__(
        self, rate: float, first: tuple[float, ...] = FIRST_HEIGHTS, least: float = FLUX_MIN
    ) -> None:
        """``rate``: moments of flux per second; ``first``: see :data:`FIRST_HEIGHTS`; ``least``:
        flux under which nothing is an attack."""
        self.value = 0.0
        """0..1 now"""
        self.since = 0
        """moments since the attack that is heard began"""
        self._past: deque[float] = deque(maxlen=round(AROUND_SECONDS * rate))
        self._keep = float(np.exp(-1.0 / (DECAY_SECONDS * rate)))
        self._grow = max(1, round(GROW_SECONDS * rate) - 1)
        self._heights: deque[float] = deque(first, maxlen=REMEMBERED)
        self._full = max(first)
        self._least = least
        self._top = 0.0
        self._left = 0
        self._armed = True

    def hear(self, flux: list[float]) -> float:
        """Take moments of summed log flux; returns the largest value among them."""
        largest = 0.0
        for height in flux:
            hit, fallen = self._hit(height), self.value * self._keep
            self.since = 0 if hit > fallen else self.since + 1
            self.value = max(hit, fallen)
            largest = max(largest, self.value)
            self._past.append(height)
        return largest

    def _hit(self, height: float) -> float:
        """Strength 0..1 of the attack that sounds now; 0: none."""
        if self._left:
            self._left -= 1
            self._top = max(self._top, height)
            if not self._left:
                self._remember(self._top)
            return min(self._top / self._full, 1.0)
        usual = sum(self._past) / len(self._past) if self._past else 0.0
        # one attack is over when the flux has fallen to half of it
        self._armed = self._armed or height < 0.5 * self._top
        if self._armed and height > max(STANDS_OUT * usual, FLOOR * self._full, self._least):
            self._armed = False
            self._left = self._grow
            self._top = height
            return min(height / self._full, 1.0)
        return 0.0

    def _remember(self, height: float) -> None:
        self._heights.append(height)
        self._full = float(np.percentile(self._heights, 95))
