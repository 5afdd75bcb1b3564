"""Running figures of a session."""

from __future__ import annotations

from collections import deque

SECONDS = 2.0
"""what a rate is counted over"""
WEIGHT = 0.05
"""of a new value in an average: about the last twenty count"""


class Average:
    """A smoothed value that begins with the first one."""

    def __init__(self) -> None:
        self.value = 0.0
        self._count = 0

    def add(self, value: float) -> None:
        """One more."""
        self._count += 1
        self.value += max(WEIGHT, 1.0 / self._count) * (value - self.value)


class Rate:
    """Events per second; falls to 0 when none come any more."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=512)

    def add(self, now: float) -> None:
        """One more event."""
        self._times.append(now)

    def per_second(self, now: float) -> float:
        """Events of the last two seconds, per second; less time counts while there was less."""
        times = [time for time in tuple(self._times) if time > now - SECONDS]
        if len(times) < 2:
            return len(times) / SECONDS
        span = SECONDS if self._times[0] <= now - SECONDS else now - times[0]
        return len(times) / max(span, 1e-3)
