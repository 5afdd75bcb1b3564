"""One session's pictures, encoded once and handed to everybody who watches."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import ParamSpec, Protocol

from phosphene.show.display import Path
from phosphene.show.live import Playing, Shown, Wanted
from phosphene.show.sinks.jpeg import to_jpeg, to_planes
from phosphene.show.sinks.moving import Moving, as_shown

P = ParamSpec("P")
RATE = 30.0
"""pictures a second for those who take them between two keys"""
METER_WEIGHT = 0.05
"""of a new value: about the last twenty count"""


@dataclass(frozen=True)
class Picture:
    """A finished picture on its way out."""

    shown: Shown
    jpeg: bytes
    """as it was drawn"""
    whole: bytes = b""
    """at the size of the show, whatever it was drawn at"""
    planes: bytes = b""
    """a field's two planes, one above the other, as a grey JPEG"""
    between: bool = False
    """it is no key, but one moved on"""
    path: Path = field(default_factory=Path)
    """to it, from the pictures before"""


class Consumer(Protocol):
    """Who takes pictures. Everything is called on the event loop's thread."""

    keys: bool
    """moves and enlarges pictures itself"""
    fields: bool
    """colours them itself, too"""
    raw: bool
    """takes the array, not the JPEG"""
    moving: bool
    """takes pictures between two keys as well, moved for it"""

    @property
    def hungry(self) -> bool:
        """True while another picture can be taken."""

    def offer(self, picture: Picture) -> None:
        """Take a picture, the newest; never waits."""

    def ended(self) -> None:
        """The session is over; no picture follows."""


class Channel:
    """Encodes on a thread of its own and delivers on the event loop; the newest picture wins twice.

    While nobody is hungry the session is held, and costs nothing.
    """

    def __init__(self, session: Playing, quality: int) -> None:
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._consumers: list[Consumer] = []
        self.quality = quality
        self.meter = Meter()
        """milliseconds of JPEG encoding"""
        self._path = Path()
        self._waiting: Shown | None = None
        self._encoded: Picture | None = None
        self._wanted = True
        self._jpeg = self._whole = self._planes = self._moves = False
        self._moving = Moving(RATE)
        self._asked: Wanted | None = None
        self._closed = False
        self._change = threading.Condition()
        self._unsubscribe = session.subscribe(self._finished)
        self._thread = threading.Thread(target=self._encode, name="phosphene-jpeg", daemon=True)
        self._thread.start()
        self.refresh()

    @property
    def consumers(self) -> int:
        """How many watch."""
        return len(self._consumers)

    def join(self, consumer: Consumer) -> None:
        """Send pictures to ``consumer`` from now on."""
        self._consumers.append(consumer)
        self.refresh()

    def leave(self, consumer: object) -> None:
        """Send no more; one that does not watch is no error."""
        self._consumers = [other for other in self._consumers if other is not consumer]
        self.refresh()

    def refresh(self) -> None:
        """Look again who is hungry; to be called when that may have changed."""
        hungry = [consumer for consumer in self._consumers if consumer.hungry]
        encoded = [consumer for consumer in hungry if not consumer.raw]
        self._planes = any(consumer.fields for consumer in encoded)
        self._jpeg = any(consumer.keys and not consumer.fields for consumer in encoded)
        self._whole = any(not consumer.keys for consumer in encoded)
        self._moves = any(consumer.moving for consumer in self._consumers)
        # of all that watch: what is asked for does not change with every picture that is under way
        images = any(not consumer.fields for consumer in self._consumers)
        wanted = Wanted(images, any(consumer.fields for consumer in self._consumers))
        if not self._closed and self._consumers and wanted != self._asked:
            self._asked = wanted
            self._session.want(wanted)
        if self._closed or bool(hungry) == self._wanted:
            return
        self._wanted = bool(hungry)
        self._session.hold(not self._wanted)

    def end(self) -> None:
        """Tell everybody that no picture follows."""
        for consumer in [*self._consumers]:
            consumer.ended()

    def close(self) -> None:
        """Stop the thread, from any thread; the session is closed by its owner."""
        self._closed = True
        self._unsubscribe()
        with self._change:
            self._change.notify()
        self._thread.join()

    def _finished(self, shown: Shown) -> None:
        with self._change:
            self._path.add(shown.sequence, shown.way)
            self._waiting = shown
            self._change.notify()

    def _encode(self) -> None:
        last: Shown | None = None
        while True:
            pause = 1 / RATE if self._moves and self._moving.slow else None
            with self._change:
                self._change.wait_for(lambda: self._closed or self._waiting is not None, pause)
                shown, self._waiting = self._waiting, None
            if self._closed:
                return
            if shown is not None:
                last = shown
                with self.meter.time():
                    picture = self._pack(shown)
            elif last is not None:
                picture = self._moved_on(last)
            with self._change:
                on_its_way = self._encoded is not None
                self._encoded = picture
            if not on_its_way:
                hand_over(self._loop, self._deliver)

    def _pack(self, shown: Shown) -> Picture:
        """A picture in all the shapes that somebody takes."""
        jpeg = whole = planes = b""
        if self._planes and shown.field is not None:
            planes = to_planes(shown.field.planes, self.quality)
        if shown.image is not None:
            image = as_shown(shown.image, shown) if self._whole else shown.image
            same = image is shown.image
            if self._moves:
                self._moving.put(shown, self._path, time.monotonic())
            keyed = self._jpeg or (self._planes and shown.field is None)
            if keyed or (self._whole and same):
                jpeg = whole = to_jpeg(shown.image, self.quality)
            if self._whole and not same:
                whole = to_jpeg(image, self.quality)
        return Picture(shown, jpeg, whole, planes, path=self._path)

    def _moved_on(self, last: Shown) -> Picture:
        """A picture after the last key."""
        image = self._moving.at(time.monotonic()) if self._whole else None
        whole = b"" if image is None else to_jpeg(image, self.quality)
        return Picture(last, b"", whole, path=self._path, between=True)

    def _deliver(self) -> None:
        with self._change:
            picture, self._encoded = self._encoded, None
        if picture is None:
            return
        for consumer in self._consumers:
            if picture.between and not consumer.moving:
                continue
            if consumer.raw:
                there = consumer.fields or picture.shown.image is not None
            elif consumer.fields and picture.planes:
                there = True
            else:
                there = bool(picture.jpeg if consumer.keys else picture.whole)
            if there:
                consumer.offer(picture)


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
            self.ms += max(METER_WEIGHT, 1.0 / self.calls) * (took - self.ms)


def hand_over(
    loop: asyncio.AbstractEventLoop, act: Callable[P, object], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Call ``act`` on the loop's thread soon; a loop that has ended already hears nothing."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(lambda: act(*args, **kwargs))
