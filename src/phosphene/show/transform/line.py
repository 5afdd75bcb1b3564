"""A production line: stages side by side, each on a thread of its own, joined by bounded queues.

A stage is a generator over what the stage before gives. Errors travel down the line and come out at
its end; closing the end closes everything before it, so that no thread and no file stays open.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

Work = Callable[[Iterator[Any]], Generator[Any, None, None]]
"""what a stage does: takes the items of the stage before (the first one gets none), gives its own"""


@dataclass(frozen=True)
class PipelineStage:
    """One place on the line."""

    name: str
    work: Work


@dataclass
class Meter:
    """Where the time of one stage went, seconds."""

    name: str
    items: int = 0
    """given so far"""
    began: float = 0.0
    """on time.perf_counter()"""
    ended: float | None = None
    starved: float = 0.0
    """waited for the stage before"""
    blocked: float = 0.0
    """waited for room in its own queue"""
    waiting: int = 0
    """items in its queue now"""
    waiting_sum: int = 0
    """added up at every item, for the mean"""

    @property
    def elapsed(self) -> float:
        """Since it began, or while it ran."""
        if not self.began:
            return 0.0
        return (self.ended or time.perf_counter()) - self.began

    @property
    def busy(self) -> float:
        """Spent at work."""
        return max(0.0, self.elapsed - self.starved - self.blocked)


class Pipe:
    """A bounded queue between two threads that either end can close."""

    def __init__(self, depth: int, meter: Meter) -> None:
        self._depth = depth
        self._meter = meter
        self._items: deque[Any] = deque()
        self._change = threading.Condition()
        self._finished = False
        self._closed = False
        self._error: BaseException | None = None

    def put(self, item: Any) -> bool:
        """Wait for room and hand in; False once nobody takes any more."""
        began = time.perf_counter()
        with self._change:
            self._change.wait_for(lambda: self._closed or len(self._items) < self._depth)
            self._meter.blocked += time.perf_counter() - began
            if self._closed:
                return False
            self._items.append(item)
            self._meter.items += 1
            self._meter.waiting = len(self._items)
            self._meter.waiting_sum += len(self._items)
            self._change.notify_all()
            return True

    def finish(self, error: BaseException | None = None) -> None:
        """No more items; with an ``error``, :meth:`take` raises it after those handed in."""
        with self._change:
            self._finished, self._error = True, error
            self._change.notify_all()

    def take(self, taker: Meter) -> Iterator[Any]:
        """All items as they come."""
        while True:
            began = time.perf_counter()
            with self._change:
                self._change.wait_for(lambda: self._items or self._finished or self._closed)
                taker.starved += time.perf_counter() - began
                if self._closed:
                    return
                if not self._items:
                    if self._error is not None:
                        raise self._error
                    return
                item = self._items.popleft()
                self._meter.waiting = len(self._items)
                self._change.notify_all()
            yield item

    def close(self) -> None:
        """Let nobody wait here any more."""
        with self._change:
            self._closed = True
            self._items.clear()
            self._change.notify_all()


class Line:
    """Runs ``stages`` side by side; iterating gives what the last one gives.

    ``depth`` items at most wait behind each stage. Use it as a context: leaving it stops every stage
    after its current item and waits for it.
    """

    def __init__(self, stages: Sequence[PipelineStage], depth: int) -> None:
        self.meters = [Meter(stage.name) for stage in stages]
        self._pipes = [Pipe(depth, meter) for meter in self.meters]
        self._taker = Meter("")
        sources = [None, *self._pipes[:-1]]
        self._threads = [
            threading.Thread(target=_run, args=job, name=f"phosphene-{job[0].name}", daemon=True)
            for job in zip(stages, sources, self._pipes, self.meters, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def __iter__(self) -> Iterator[Any]:
        return self._pipes[-1].take(self._taker)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # each stage that finds its own queue closed closes the one before it
        self._pipes[-1].close()
        for thread in self._threads:
            thread.join()


def _run(stage: PipelineStage, source: Pipe | None, sink: Pipe, meter: Meter) -> None:
    """One stage from its first item to its last."""
    meter.began = time.perf_counter()
    items = stage.work(iter(()) if source is None else source.take(meter))
    try:
        for item in items:
            if not sink.put(item):
                break
        items.close()
    except BaseException as error:
        sink.finish(error)
    else:
        sink.finish()
    finally:
        if source is not None:
            source.close()
        meter.ended = time.perf_counter()
