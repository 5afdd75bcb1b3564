"""The client's clock: found through a network that delays every message differently."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.server.connection import CLOCK_SPAN, ClientClock


@given(
    st.floats(-1e6, 1e6),
    st.lists(st.floats(0.0, 2.0), min_size=1, max_size=50),
)
def test_the_offset_is_off_by_the_least_delay(zero, delays) -> None:
    clock = ClientClock()
    for index, delay in enumerate(delays):
        sent = 0.2 * index
        clock.heard(sent * 1e3, sent + zero + delay)
    # a client moment is placed late by the least delay, never early
    error = clock.to_server(5000.0) - (5.0 + zero)
    assert error == pytest.approx(min(delays), abs=1e-6)


@given(st.floats(0, 1e9), st.floats(0, 1e6), st.floats(0, 1e9))
def test_there_and_back(client_ms, received, moment) -> None:
    clock = ClientClock()
    clock.heard(client_ms, received)
    assert clock.to_client(clock.to_server(moment)) == pytest.approx(moment, abs=0.01)


def test_a_clock_that_drifts_is_followed() -> None:
    clock = ClientClock()
    drift = 1.0002
    for index in range(3000):
        true = 0.2 * index
        clock.heard(true * drift * 1e3, true + 0.01)
    # a fast client clock alone would have gained 120 ms in ten minutes
    late = clock.to_server(true * drift * 1e3) - true
    assert 0 <= late <= 0.01 + 1e-6
    slow = ClientClock()
    for index in range(3000):
        true = 0.2 * index
        slow.heard(true / drift * 1e3, true + 0.01)
    assert 0.01 - 2.2 * CLOCK_SPAN * 0.0002 <= slow.to_server(true / drift * 1e3) - true <= 0.01


def test_nothing_is_known_before_anything_is_heard() -> None:
    clock = ClientClock()
    assert not clock.known
    clock.heard(0.0, 10.0)
    assert clock.known
