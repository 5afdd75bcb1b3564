"""The beat clock of a live show: it runs on by itself, and is steered, never set."""

from __future__ import annotations

import math


class BeatClock:
    """Beats counted over time, continuous and never falling.

    Between corrections it runs at a constant tempo. A correction bends its rate for a moment, so
    that the count arrives at the wanted phase without a jump.
    """

    def __init__(self) -> None:
        self._begin = 0.0
        self._count = 0.0
        # beats a second until the bend ends, and after it
        self._bent = 0.0
        self._rate = 0.0
        self._straight = 0.0

    def position(self, time: float) -> float:
        """Beats counted at ``time`` (seconds); times before the last correction give its count."""
        bend = min(max(time - self._begin, 0.0), self._straight - self._begin)
        return self._count + self._bent * bend + self._rate * max(time - self._straight, 0.0)

    def line(self, time: float) -> float:
        """Beats at ``time`` had the count always run as it will when it is in phase."""
        arrived = self._count + self._bent * (self._straight - self._begin)
        return arrived + self._rate * (time - self._straight)

    def steer(self, time: float, rate: float, phase: float, within: float) -> None:
        """From ``time`` on count ``rate`` beats a second, and be in phase ``within`` seconds later.

        ``phase`` (beats) is what the fraction of the count should be at ``time``. A count that is
        ahead waits, where need be for longer than ``within``.
        """
        count = self.position(time)
        off = math.remainder(phase - count, 1.0)
        # more than standing still is not possible
        length = max(within, -off / rate)
        self._begin, self._count = time, count
        self._straight = time + length
        # rounding must not make it fall
        self._bent, self._rate = max(0.0, rate + off / length), rate

    def stop(self, time: float) -> None:
        """Hold the count from ``time`` on."""
        self._count = self.position(time)
        self._begin = self._straight = time
        self._bent = self._rate = 0.0
