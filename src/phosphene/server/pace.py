"""Rates, held without polling."""

from __future__ import annotations

import time


class Bucket:
    """A token bucket: ``rate`` units a second, ``burst`` of them saved up at most."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._then = time.monotonic()

    def take(self, amount: float = 1.0) -> float:
        """Take ``amount``; the answer is how many seconds too early that was (0: in time)."""
        now = time.monotonic()
        self._level = min(self._burst, self._level + (now - self._then) * self._rate)
        self._then = now
        self._level -= amount
        return max(0.0, -self._level / self._rate)

    def spare(self, amount: float = 1.0) -> bool:
        """Take ``amount`` if it is there."""
        self.take(0.0)
        if self._level < amount:
            return False
        self._level -= amount
        return True
