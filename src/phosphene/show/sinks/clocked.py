"""An exit on its own thread: what is to be seen now, at a constant frame rate."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import suppress
from fractions import Fraction
from typing import Protocol

import numpy as np

from phosphene.show.display import Path
from phosphene.show.live.types import Frame, Shown
from phosphene.show.sinks.moving import Moving
from phosphene.show.sinks.sink import Sink
from phosphene.show.sinks.sound import CHANNELS, RATE, Head, Tape
from phosphene.show.sinks.viewers import Picture

log = logging.getLogger(__name__)
RETRY_SECONDS = 5.0
STALL_SECONDS = 10.0
"""after which a sink that takes nothing is given up"""
MOST_KEYS = 32
"""that wait while a sink is busy, or for their sound"""
MOST_BEHIND = 1.0
"""seconds behind what is heard that sound waits for pictures"""
LATE_SECONDS, EARLY_SECONDS = 0.02, 0.1
"""by which pictures may come later or earlier than sound waits for them, before it waits longer or less"""
REMEMBERED = 45
"""pictures"""
FEW = 5
PIECE = RATE // 10
"""samples that a sink is handed at once"""


class Sounding(Protocol):
    """Where an exit's sound comes from."""

    @property
    def tape(self) -> Tape | None:
        """What is heard in the show that is followed; None: nothing."""

    @property
    def offset(self) -> float:
        """Seconds by which pictures are wanted later than their sound."""


class Behind:
    """How far behind what is heard an exit is, so that sound and the pictures made of it leave together."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lags: deque[float] = deque(maxlen=REMEMBERED)

    def came(self, lag: float, least: float) -> None:
        """A picture was here ``lag`` seconds after what it shows was heard; sound, by ``least``."""
        self._lags.append(lag)
        if len(self._lags) < FEW:
            return
        wanted = max(least, min(MOST_BEHIND, float(np.quantile(self._lags, 0.9))))
        if not -LATE_SECONDS < self.seconds - wanted < EARLY_SECONDS:
            self.seconds = wanted


Key = tuple[Shown, Path, float]
"""a picture of the model, the way to it, and the monotonic time at which it came"""


class Mover:
    """Makes pictures between keys, as many as there is time for.

    Args:
        moving: what is seen of keys.
        keys: that came and were not taken.
        period: seconds between two pictures that are asked for.
    """

    def __init__(self, moving: Moving, keys: deque[Key], period: float) -> None:
        self._moving = moving
        self.behind: float | None = None
        """seconds after it is heard at which a picture is shown; None: at once"""
        self._keys = keys
        self._period = period
        self._asked, self._made = threading.Event(), threading.Event()
        self._stop = threading.Event()
        self._image: Frame | None = None
        self._said = False
        self._thread = threading.Thread(target=self._run, name="phosphene-mover", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End, once what is being made is made."""
        self._stop.set()
        self._asked.set()
        if self._thread.ident is not None:
            self._thread.join()

    def picture(self) -> Frame | None:
        """Of now; where that takes longer than half a period the one before. None before the first key."""
        self._made.clear()
        self._asked.set()
        self._made.wait(self._period / 2)
        return self._image

    def _run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            if self._stop.is_set():
                return
            began = time.monotonic()
            try:
                self._take()
                self._image = self._moving.at(time.monotonic())
            except Exception as error:  # one picture is lost, and the exit goes on
                if not self._said:
                    log.error("a picture could not be moved: %s; the last one stays.", error)
                self._said = True
            self._made.set()
            took = time.monotonic() - began
            if took > self._period:
                # the model needs the cores more
                self._stop.wait(took)

    def _take(self) -> None:
        """The keys that are due."""
        behind = self.behind
        self._moving.behind = behind or 0.0
        while self._keys:
            shown, path, came = self._keys[0]
            if behind is not None:
                due = shown.heard_at + behind
                if came < due < came + MOST_BEHIND:
                    came = due
                # to the nearest frame
                if came > time.monotonic() + self._period / 2:
                    return
            self._keys.popleft()
            self._moving.put(shown, path, came)


class ClockedExit:
    """A :class:`~phosphene.show.sinks.viewers.Consumer` that never holds up the show.

    Where the model is slower than the exit, pictures between two of its own are moved as the camera goes,
    on a thread of their own: where that takes too long, the last one is written once more. Frame i is due
    at i / rate seconds. A slow sink leaves frames out and stays on time; a broken one says so once, and
    the show goes on.

    Args:
        sink: where to.
        rate: frames a second.
        sounds: whether the show's sound is to leave with its pictures; see :meth:`hear`.
    """

    raw = True
    keys = True
    # it moves them itself
    fields = moving = False

    def __init__(self, sink: Sink, rate: Fraction, sounds: bool = False) -> None:
        self._sink = sink
        self.sounds = sounds and sink.hears
        self._sounding: Sounding | None = None
        self._head = Head()
        self._behind = Behind()
        self._rate = rate
        self._keys: deque[Key] = deque(maxlen=MOST_KEYS)
        self._mover = Mover(Moving(float(rate)), self._keys, float(1 / rate))
        self._first = threading.Event()
        self._stop = threading.Event()
        self._broken = False
        self._busy: float | None = None
        self._thread = threading.Thread(target=self._run, name="phosphene-exit", daemon=True)

    @property
    def hungry(self) -> bool:
        """True until it is broken for good."""
        return not self._broken

    def hear(self, sounding: Sounding) -> None:
        """Give sound on, too; before :meth:`start`. Pictures then wait for it, and it for them."""
        self._sounding = sounding

    def start(self) -> None:
        """Begin; nothing is written before the first picture."""
        self._mover.start()
        self._thread.start()

    def offer(self, picture: Picture) -> None:
        """Show this one from now on."""
        busy = self._busy
        if busy is not None and time.monotonic() - busy > STALL_SECONDS:
            self._busy = None
            self._sink.abort()
        if picture.shown.image is None:
            return
        now = time.monotonic()
        self._keys.append((picture.shown, picture.path, now))
        if self._sounding is not None:
            tape = self._sounding.tape
            # sound of a frame is read when the frame begins
            here = 0.0 if tape is None else tape.late + float(1 / self._rate)
            self._behind.came(now - picture.shown.heard_at, here + self._sounding.offset)
            self._mover.behind = self._behind.seconds
        self._first.set()

    def ended(self) -> None:
        """The last picture stays."""

    def close(self, seconds: float = 1.0) -> None:
        """Finish the file; gives up waiting for a sink that hangs."""
        self._stop.set()
        self._first.set()
        self._mover.close()
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
        start, index, sent = time.monotonic(), 0, 0
        while not self._stop.wait(max(0.0, start + float(index / self._rate) - time.monotonic())):
            image = self._mover.picture()
            if image is not None:
                self._busy = time.monotonic()
                self._sink.write(image, index)
                if self._sink.hears:
                    sent = self._speak(start, sent, round((index + 1) / self._rate * RATE))
                self._busy = None
            due = int((time.monotonic() - start) * self._rate)
            index = max(index + 1, due)

    def _speak(self, start: float, sent: int, until: int) -> int:
        """Sound up to sample ``until``; where nothing is heard it is silent, for streams want no gaps."""
        sounding, behind = self._sounding, self._behind.seconds
        while sent < until:
            count = min(PIECE, until - sent)
            if sounding is None:
                self._sink.sound(np.zeros((CHANNELS, count), np.float32))
            else:
                at = start + sent / RATE - behind + sounding.offset
                self._sink.sound(self._head.read(sounding.tape, at, count))
            sent += count
        return sent
