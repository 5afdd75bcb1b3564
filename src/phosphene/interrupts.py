"""Ctrl-C that neither is lost nor leaves things half ended."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_seen = False


@contextmanager
def remembered() -> Iterator[None]:
    """Raise every Ctrl-C in the block as ever, and remember it for :func:`check`.

    Python drops a KeyboardInterrupt that comes while a weak reference or the garbage collector calls back
    ("Exception ignored in ..."), and importing large libraries does little else.
    """
    global _seen
    _seen = False
    hook = sys.unraisablehook
    sys.unraisablehook = lambda lost: None if lost.exc_type is KeyboardInterrupt else hook(lost)
    try:
        with _heard_by(_note):
            yield
    finally:
        sys.unraisablehook = hook


def check() -> None:
    """Raise a KeyboardInterrupt that was lost; to be called where long work ends and longer begins."""
    if _seen:
        raise KeyboardInterrupt


@contextmanager
def held() -> Iterator[None]:
    """Ctrl-C in the block is raised when it ends; a second one at once.

    For ends that must be reached: a thread that is still inside a library when Python ends takes the process
    down with it, and an interrupted :meth:`threading.Thread.join` takes it for ended (Python 3.11, 3.12).
    """
    came = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        if came:
            _note(number, frame)
        came = True

    with _heard_by(note):
        yield
    if came:
        raise KeyboardInterrupt


def _note(number: int, frame: FrameType | None) -> None:
    global _seen
    _seen = True
    signal.default_int_handler(number, frame)


@contextmanager
def _heard_by(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """Another handler than Python's and ours is left alone."""
    before = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    if not main or before not in (signal.default_int_handler, _note):
        yield
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
