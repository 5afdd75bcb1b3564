"""When the next frame is due."""

from __future__ import annotations


class Pace:
    """An absolute clock: small delays are caught up, so that the rate does not drift.

    Who is late by more than one frame goes on from now, as fast as possible, and catches up nothing.
    """

    def __init__(self) -> None:
        self.due = 0.0
        """monotonic seconds"""

    def wait(self, now: float, fps: float, driven: bool) -> float:
        """Seconds until the next frame may begin; 0 or less: now.

        A frame that is ``driven`` by an input that just came may begin up to one frame early: the rate
        stays the same, and the input does not grow old.
        """
        return self.due - now - (1.0 / fps if driven else 0.0)

    def begun(self, now: float, fps: float) -> None:
        """A frame begins ``now``."""
        period = 1.0 / fps
        self.due = max(self.due, now - period) + period
