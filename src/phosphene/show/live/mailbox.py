"""What waits between two threads: little, and the newest wins."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """At most ``depth`` items. Every change wakes who waits on ``wake``, which many boxes share."""

    def __init__(self, wake: threading.Condition, depth: int = 1) -> None:
        self._wake = wake
        self._items: deque[T] = deque()
        self._depth = depth

    def __len__(self) -> int:
        return len(self._items)

    @property
    def full(self) -> bool:
        """Whether the next item would push the oldest one out."""
        return len(self._items) >= self._depth

    def resize(self, depth: int) -> int:
        """Hold at most ``depth`` items from now on; returns how many fell out."""
        with self._wake:
            self._depth = depth
            self._wake.notify_all()
            return self._drop()

    def put(self, item: T) -> int:
        """Add the newest item; returns how many old ones fell out."""
        with self._wake:
            self._items.append(item)
            self._wake.notify_all()
            return self._drop()

    def take(self) -> T | None:
        """The oldest item, or None; never waits."""
        with self._wake:
            if not self._items:
                return None
            self._wake.notify_all()
            return self._items.popleft()

    def clear(self) -> int:
        """Throw everything away; returns how much."""
        with self._wake:
            count = len(self._items)
            self._items.clear()
            self._wake.notify_all()
            return count

    def _drop(self) -> int:
        dropped = max(0, len(self._items) - self._depth)
        for _ in range(dropped):
            self._items.popleft()
        return dropped
