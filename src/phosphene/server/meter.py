"""A running average of how long something takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

WEIGHT = 0.05
"""of a new value: about the last twenty count"""


class Meter:
    """Milliseconds, smoothed."""

    def __init__(self) -> None:
        self.ms = 0.0
        self.calls = 0

    @contextmanager
    def time(self) -> Iterator[None]:
        """Time the block."""
        start = time.perf_counter()
        try:
            yield
        finally:
            took = (time.perf_counter() - start) * 1e3
            self.calls += 1
            self.ms += max(WEIGHT, 1.0 / self.calls) * (took - self.ms)
