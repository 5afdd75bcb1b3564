"""Which pictures are under way to a client."""

from __future__ import annotations

from collections import deque

RECENT = 60
"""acknowledgements of which the quickest tells how long the network takes"""


class Window:
    """Pictures that were sent and not yet acknowledged."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._under_way: deque[tuple[int, float]] = deque()
        self._delays: deque[float] = deque(maxlen=RECENT)

    def __len__(self) -> int:
        return len(self._under_way)

    @property
    def open(self) -> bool:
        """True while one more picture may be sent."""
        return len(self._under_way) < self.size

    @property
    def quickest(self) -> float:
        """Seconds from sending to acknowledgement, of the fastest of late; 0 before the first."""
        return min(self._delays, default=0.0)

    def sent(self, sequence: int, now: float) -> None:
        """A picture left."""
        self._under_way.append((sequence, now))

    def ack(self, sequence: int, now: float) -> None:
        """A picture arrived, and so did all that were sent before it; unknown ones are ignored."""
        if not any(sent == sequence for sent, _ in self._under_way):
            return
        while self._under_way:
            sent, then = self._under_way.popleft()
            if sent == sequence:
                self._delays.append(now - then)
                return

    def waiting(self, now: float) -> float:
        """Seconds for which the oldest picture has been under way; 0 without one."""
        return now - self._under_way[0][1] if self._under_way else 0.0
