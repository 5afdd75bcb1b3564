"""How many input pictures a client may send, so that buffers stay full and nothing queues."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Credits:
    """Keeps what the client may still send, plus what waits here, at the size of the window.

    Thread-safe; the listener is called on the thread that made room.
    """

    def __init__(self, window: int) -> None:
        self._lock = threading.Lock()
        self._window = window
        self._open = False
        self._held = 0
        self._inside = 0
        self._listener: Callable[[int], None] | None = None

    def listen(self, listener: Callable[[int], None]) -> None:
        """Tell a new client, which holds no credits yet."""
        with self._lock:
            self._listener, self._held = listener, 0
        self._settle()

    def open(self, wanted: bool) -> None:
        """Whether pictures are wanted at all; credits end with the wish, and begin anew with it."""
        with self._lock:
            if not wanted:
                self._held = 0
            self._open = wanted
        self._settle()

    def resize(self, window: int) -> None:
        """Another number of pictures may be under way."""
        self._window = window
        self._settle()

    def came(self) -> None:
        """A picture arrived."""
        with self._lock:
            self._held = max(0, self._held - 1)
            self._inside += 1

    def left(self, count: int = 1) -> None:
        """Pictures were used, or thrown away."""
        if count:
            with self._lock:
                self._inside -= count
            self._settle()

    def _settle(self) -> None:
        with self._lock:
            room = self._window - self._held - self._inside
            listener = self._listener
            if not self._open or listener is None or room <= 0:
                return
            self._held += room
        listener(room)
