"""Encoding on a thread of its own, so that it overlaps with the model."""

from __future__ import annotations

import queue
import threading
from typing import Generic, Protocol, Self, TypeVar

_END = None
Item = TypeVar("Item")
Taken = TypeVar("Taken", contravariant=True)


class Taker(Protocol[Taken]):
    """What takes items one by one: frames, or what becomes frames."""

    def write(self, item: Taken, /) -> None: ...

    def cut(self, state: bytes) -> None: ...

    def cancel(self) -> None: ...


class ThreadedWriter(Generic[Item]):
    """Hands items, such as frames, and cuts to ``sink`` on a background thread, in order.

    At most ``depth`` items wait; then :meth:`write` blocks. An error of the sink is raised by the
    next call of :meth:`write`, :meth:`cut` or :meth:`close`, after the sink was cancelled. Handed-in
    items must not be changed afterwards: they are not copied. Leaving the ``with`` block closes, or
    cancels when an exception is under way.
    """

    def __init__(self, sink: Taker[Item], depth: int = 8) -> None:
        self._sink = sink
        self._items: queue.Queue[Item | bytes | None] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="phosphene-encoder", daemon=True)
        self._thread.start()

    def write(self, item: Item, /) -> None:
        """Queue one item, such as a uint8 RGB picture (height, width, 3); waits while the queue is full."""
        self._put(item)

    def cut(self, state: bytes) -> None:
        """Queue the end of a segment with the caller's state after its last frame."""
        self._put(state)

    def close(self) -> None:
        """Wait until all is written. Frames after the last cut are dropped."""
        self._put(_END)
        self._thread.join()
        self._raise()

    def cancel(self) -> None:
        """Stop as soon as the current item is done; what was not cut yet is dropped."""
        self._stop.set()
        self._drain()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self.close()
        else:
            self.cancel()

    def _put(self, item: Item | bytes | None) -> None:
        self._raise()
        self._items.put(item)
        # the thread may have failed while this call waited for room
        self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            self._stop.set()
            self._drain()
            self._thread.join()
            raise self._error

    def _drain(self) -> None:
        """Empty the queue and wake the thread if it waits for an item."""
        while True:
            try:
                self._items.get_nowait()
            except queue.Empty:
                break
        self._items.put(_END)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                item = self._items.get()
                if item is _END:
                    break
                if isinstance(item, bytes):
                    self._sink.cut(item)
                else:
                    self._sink.write(item)
            self._sink.cancel()
        except BaseException as error:
            self._error = error
            try:
                self._sink.cancel()
            finally:
                self._swallow()

    def _swallow(self) -> None:
        """Take what still comes, so that a caller waiting for room wakes and sees the error."""
        while self._items.get() is not _END:
            pass
