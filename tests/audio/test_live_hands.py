"""Taps, double and half, nudges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.audio.live_hands import NUDGE_MAX, SCALES, Hands
from phosphene.errors import InputError


@given(st.floats(0.15, 2.4), st.floats(0, 1e5), st.integers(4, 20))
def test_even_taps_are_their_tempo(period: float, first: float, count: int) -> None:
    hands = Hands()
    made = [hands.tap(first + period * index) for index in range(count)]
    assert made == [False] * 3 + [True] * (count - 3)
    assert hands.tapped is not None
    assert hands.tapped.tempo == pytest.approx(60 / period, rel=1e-4)
    beats = (hands.tapped.anchor - first) / period
    assert beats == pytest.approx(round(beats), abs=1e-3)


@given(st.lists(st.floats(-0.02, 0.02), min_size=8, max_size=8))
def test_fingers_are_evened_out(slips: list[float]) -> None:
    hands = Hands()
    for index, slip in enumerate(slips):
        hands.tap(10 + 0.5 * index + slip)
    assert hands.tapped is not None
    assert hands.tapped.tempo == pytest.approx(120, rel=0.025)


def test_a_bounce_is_no_tap() -> None:
    hands = Hands()
    for index in range(4):
        hands.tap(index * 0.5)
        hands.tap(index * 0.5 + 0.04)
    assert hands.tapped is not None
    assert hands.tapped.tempo == pytest.approx(120)


@pytest.mark.parametrize("gap", [3.0, 100.0, -5.0])
def test_a_pause_begins_another_count(gap: float) -> None:
    hands = Hands()
    for tap in (10.0, 10.5, 11.0):
        hands.tap(tap)
    begin = 11.0 + gap
    assert [hands.tap(begin + 0.4 * index) for index in range(4)] == [False, False, False, True]
    assert hands.tapped is not None
    assert hands.tapped.tempo == pytest.approx(150)


def test_another_tempo_is_not_mixed_with_the_first() -> None:
    hands = Hands()
    for tap in (0.0, 0.5, 1.0, 1.5, 2.5, 3.5, 4.5):
        hands.tap(tap)
    assert hands.tapped is not None
    assert hands.tapped.tempo == pytest.approx(60)


def test_new_taps_forget_scale_and_nudge() -> None:
    hands = Hands()
    hands.multiply(2.0)
    hands.nudge(0.1)
    for tap in (0.0, 0.5, 1.0, 1.5):
        hands.tap(tap)
    assert (hands.scale, hands.shift) == (1.0, 0.0)


def test_release_lets_go_of_everything() -> None:
    hands = Hands()
    for tap in (0.0, 0.5, 1.0, 1.5):
        hands.tap(tap)
    hands.multiply(0.5)
    hands.nudge(0.1)
    hands.release()
    assert (hands.scale, hands.shift, hands.tapped) == (1.0, 0.0, None)
    assert not hands.tap(2.0), "earlier taps are forgotten too"


@given(st.lists(st.sampled_from([0.5, 2.0]), max_size=40), st.lists(st.floats(-3, 3), max_size=20))
def test_scale_and_nudge_stay_within_reason(factors: list[float], nudges: list[float]) -> None:
    hands = Hands()
    for factor in factors:
        hands.multiply(factor)
    for seconds in nudges:
        hands.nudge(seconds)
    assert SCALES[0] <= hands.scale <= SCALES[1]
    assert abs(hands.shift) <= NUDGE_MAX


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_what_is_no_time_is_refused(wrong: float) -> None:
    hands = Hands()
    for action in (hands.tap, hands.nudge, hands.multiply):
        with pytest.raises(InputError):
            action(wrong)
    assert (hands.scale, hands.shift, hands.tapped) == (1.0, 0.0, None)
