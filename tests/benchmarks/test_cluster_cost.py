"""The simulation against what can be worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.cluster_cost import Load, Rates, ceiling, simulate

RATES = Rates(50.0, 1000.0, 0.01, 0.001, 4, 100e6)
LOAD = Load(items=200, item_seconds=240, segment_seconds=4, video_fps=24)


def test_one_worker_takes_as_long_as_it_draws() -> None:
    course = simulate(RATES, LOAD, 1)
    drawing = 200 * 240 * 24 / 50
    # between two items it waits for the driver; the last video is joined at the end
    assert course.seconds == pytest.approx(drawing + 200 * 0.01 + 0.24, rel=1e-3)
    assert course.busy > 0.99


def test_beyond_the_ceiling_the_driver_sets_the_pace() -> None:
    most = ceiling(RATES, LOAD)
    assert most == pytest.approx(96 / 0.01 / 50)
    course = simulate(RATES, Load(4000, 240, 4, 24), round(4 * most))
    assert course.driver > 0.9
    assert course.fps == pytest.approx(96 / 0.01, rel=0.1)


@settings(max_examples=30)
@given(st.integers(1, 150), st.sampled_from([1.0, 4.0, 20.0]))
def test_no_worker_is_more_than_busy_and_more_never_harm(workers: int, segment: float) -> None:
    load = Load(50, 120, segment, 24)
    course, more = simulate(RATES, load, workers), simulate(RATES, load, workers + 1)
    assert 0 < course.busy <= 1
    assert 0 < course.driver <= 1
    assert more.seconds <= course.seconds * 1.02
