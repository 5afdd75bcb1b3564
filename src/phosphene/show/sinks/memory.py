"""Pictures for a program: the newest wait to be taken."""

from __future__ import annotations

from collections import deque

from phosphene.show.sinks.sink import Sink
from phosphene.video.writer import Frame


class MemorySink(Sink):
    """Keeps the last ``most`` pictures, by default all, until they are taken."""

    name = "memory"

    def __init__(self, most: int | None = None) -> None:
        self._frames: deque[Frame] = deque(maxlen=most)

    def write(self, image: Frame, index: int) -> None:
        """Keep one; it is not copied."""
        self._frames.append(image)

    def take(self) -> list[Frame]:
        """What came since the last call, oldest first."""
        taken: list[Frame] = []
        while self._frames:
            taken.append(self._frames.popleft())
        return taken
