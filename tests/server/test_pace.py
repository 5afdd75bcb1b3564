"""Rates."""

from __future__ import annotations

import time
from types import SimpleNamespace

from phosphene.server import connection as pace
from phosphene.server.connection import Bucket


def test_a_burst_is_free_and_the_rest_waits(monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: now[0]))
    bucket = Bucket(8.0, 5.0)
    assert [bucket.take() for _ in range(5)] == [0.0] * 5
    assert bucket.take() == 0.125
    assert bucket.take() == 0.25
    now[0] += 10.0
    # no more than the burst is saved up
    assert [bucket.spare() for _ in range(6)] == [True] * 5 + [False]
    now[0] += 0.125
    assert bucket.spare()
    assert not bucket.spare()


def test_runs_on_the_clock() -> None:
    bucket = Bucket(1e6, 1.0)
    bucket.take(1000.0)
    end = time.monotonic() + 5
    while not bucket.spare():
        assert time.monotonic() < end
