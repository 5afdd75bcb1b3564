"""The beat clock: steered, never set."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from phosphene.audio.live_beats import BeatClock

STEERS = st.lists(
    st.tuples(
        st.floats(0.01, 5.0),  # seconds since the last
        st.floats(0.2, 10.0),  # beats a second
        st.floats(-100, 100),  # phase
        st.floats(0.05, 2.0),  # within
    ),
    min_size=1,
    max_size=12,
)


@given(STEERS)
# waits for exactly as long as it is ahead: a rate of 0, but for rounding
@example([(1.0, 0.40234375, 1.5, 1.0), (1.0, 1.0, 0.0, 1.0)])
def test_it_is_continuous_and_never_falls(steers) -> None:
    clock, now = BeatClock(), 0.0
    for wait, rate, phase, within in steers:
        times = [now + wait * share / 20 for share in range(21)]
        counts = [clock.position(time) for time in times]
        assert counts == sorted(counts)
        now += wait
        before = clock.position(now)
        clock.steer(now, rate, phase, within)
        assert clock.position(now) == before


@given(STEERS)
def test_it_arrives_in_phase_and_goes_on_straight(steers) -> None:
    clock, now = BeatClock(), 0.0
    for wait, rate, phase, within in steers:
        now += wait
        clock.steer(now, rate, phase, within)
        # a count that is ahead by half a beat waits for half a beat
        there = now + max(within, 0.5 / rate) + 1e-6
        wanted = phase + rate * (there - now)
        assert math.remainder(clock.position(there) - wanted, 1.0) == pytest.approx(0, abs=1e-6)
        assert clock.position(there + 3) - clock.position(there) == pytest.approx(3 * rate)


def test_it_takes_the_shorter_way() -> None:
    clock = BeatClock()
    clock.steer(0.0, 2.0, 0.0, 0.5)
    clock.steer(1.0, 2.0, 1.9, 0.5)
    assert clock.position(1.5) == pytest.approx(2.9)
    clock.steer(2.0, 2.0, 4.1, 0.5)
    assert clock.position(2.5) == pytest.approx(5.1)


def test_it_stands_still_before_and_after() -> None:
    clock = BeatClock()
    assert clock.position(100.0) == 0
    clock.steer(1.0, 2.0, 0.0, 0.5)
    clock.stop(3.0)
    assert clock.position(3.0) == clock.position(99.0) == pytest.approx(4.0)
    assert clock.position(0.5) == pytest.approx(4.0), "a count that was shown is not taken back"
