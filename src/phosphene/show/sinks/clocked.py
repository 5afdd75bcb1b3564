"""An exit on its own thread: what is to be seen now, at a constant frame rate."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import suppress
from fractions import Fraction

from phosphene.show.display import Path
from phosphene.show.live.types import Shown
from phosphene.show.sinks.moving import Moving
from phosphene.show.sinks.sink import Sink
from phosphene.show.sinks.viewers import Picture

log = logging.getLogger(__name__)
RETRY_SECONDS = 5.0
STALL_SECONDS = 10.0
"""after which a sink that takes nothing is given up"""
MOST_KEYS = 8
"""that wait while a sink is busy"""


class ClockedExit:
    """A :class:`~phosphene.show.sinks.viewers.Consumer` that never holds up the show.

    Where the model is slower than the exit, pictures between two of its own are moved as the camera goes.
    Frame i is due at i / rate seconds. A slow sink leaves frames out and stays on time; a broken one
    says so once, and the show goes on.
    """

    raw = True
    keys = True
    # it moves them itself
    fields = moving = False

    def __init__(self, sink: Sink, rate: Fraction) -> None:
        self._sink = sink
        self._rate = rate
        self._keys: deque[tuple[Shown, Path, float]] = deque(maxlen=MOST_KEYS)
        self._moving = Moving(float(rate))
        self._first = threading.Event()
        self._stop = threading.Event()
        self._broken = False
        self._busy: float | None = None
        self._thread = threading.Thread(target=self._run, name="phosphene-exit", daemon=True)

    @property
    def hungry(self) -> bool:
        """True until it is broken for good."""
        return not self._broken

    def start(self) -> None:
        """Begin; nothing is written before the first picture."""
        self._thread.start()

    def offer(self, picture: Picture) -> None:
        """Show this one from now on."""
        busy = self._busy
        if busy is not None and time.monotonic() - busy > STALL_SECONDS:
            self._busy = None
            self._sink.abort()
        if picture.shown.image is None:
            return
        self._keys.append((picture.shown, picture.path, time.monotonic()))
        self._first.set()

    def ended(self) -> None:
        """The last picture stays."""

    def close(self, seconds: float = 1.0) -> None:
        """Finish the file; gives up waiting for a sink that hangs."""
        self._stop.set()
        self._first.set()
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._sink.abort()

    def _run(self) -> None:
        self._first.wait()
        told = False
        while not self._stop.is_set():
            try:
                self._busy = time.monotonic()
                self._sink.open()
                log.info("%s: on air%s", self._sink.name, " again" if told else "")
                told = False
                self._play()
            except Exception as error:  # whatever a sink does, the show goes on
                if not told:
                    again = ", trying again" if self._sink.retry else ""
                    log.error("%s failed: %s; the show goes on%s.", self._sink.name, error, again)
                told = True
            finally:
                self._busy = None
                with suppress(Exception):
                    self._sink.close()
            if told and not self._sink.retry:
                self._broken = True
                return
            self._stop.wait(RETRY_SECONDS)

    def _play(self) -> None:
        start, index = time.monotonic(), 0
        while not self._stop.wait(max(0.0, start + float(index / self._rate) - time.monotonic())):
            while self._keys:
                self._moving.put(*self._keys.popleft())
            image = self._moving.at(time.monotonic())
            if image is not None:
                self._busy = time.monotonic()
                self._sink.write(image, index)
                self._busy = None
            due = int((time.monotonic() - start) * self._rate)
            index = max(index + 1, due)
