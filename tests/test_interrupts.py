"""Ctrl-C, also where Python loses it."""

from __future__ import annotations

import signal
import sys
import threading
import time
import weakref

import pytest

from phosphene import interrupts


class Thing:
    """Something that weak references can be to."""


def lose_one() -> None:
    """Ctrl-C in the callback of a weak reference: Python prints and forgets it."""
    thing = Thing()
    held = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
    del thing
    assert held() is None


def test_one_that_is_lost_is_raised_where_it_is_looked_for(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with interrupts.remembered():
        interrupts.check()
        lose_one()
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with interrupts.remembered():
        interrupts.check()
    assert "ignored" not in capfd.readouterr().err


def test_one_that_is_not_lost_comes_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts.remembered():
        signal.raise_signal(signal.SIGINT)


def test_who_has_an_own_handler_keeps_it() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        with interrupts.remembered():
            signal.raise_signal(signal.SIGINT)
            interrupts.check()
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]


@pytest.mark.skipif(sys.platform == "win32", reason="no signals to threads")
def test_threads_are_waited_for_all_the_same() -> None:
    go, ended = threading.Event(), []

    def work(number: int) -> None:
        if number == 0:
            time.sleep(0.1)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            time.sleep(0.2)
        go.wait(10)
        ended.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    threading.Timer(0.4, go.set).start()
    for thread in reversed(threads):
        thread.start()
    with pytest.raises(KeyboardInterrupt), interrupts.held():
        for thread in threads:
            thread.join()
    assert sorted(ended) == [0, 1]
