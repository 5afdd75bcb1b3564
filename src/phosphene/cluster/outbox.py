"""Where a worker leaves what is to be fetched."""

from __future__ import annotations

import queue
import time
from pathlib import Path

from phosphene.cluster.orders import Answer, Parcel

WAITING = 1
"""finished segments; while one waits to be fetched the next is drawn, and then the worker waits"""


class Outbox:
    """A :class:`~phosphene.show.sinks.segments.Shelf` whose segments become parcels.

    Args:
        folder: for the segment that is being written.
        idle_since: time.perf_counter() at which the worker ran out of work.
    """

    def __init__(self, folder: Path, idle_since: float) -> None:
        self._folder = folder
        self._answers: queue.Queue[Answer] = queue.Queue(WAITING)
        self._since = idle_since
        self._cpu = time.process_time()
        self._waited = time.perf_counter() - idle_since

    @property
    def next_path(self) -> Path:
        """Where the open segment is written."""
        return self._folder / "segment.mp4"

    def add(self, frames: int, state: bytes) -> None:
        """Hand over the segment at :attr:`next_path`."""
        video = self.next_path.read_bytes()
        self.next_path.unlink()
        now = time.perf_counter()
        worked = now - self._since - self._waited
        cpu = time.process_time()
        self._answers.put(Parcel(video, frames, state, self._waited, worked, cpu - self._cpu))
        self._cpu = cpu
        self._since, self._waited = now, time.perf_counter() - now

    def end(self, answer: Answer) -> None:
        """Hand over the last answer."""
        self._answers.put(answer)

    def take(self) -> Answer:
        """The next answer, when there is one."""
        return self._answers.get()
