"""The maths of loudness and smoothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from phosphene.audio import bands, onsets

levels = hnp.arrays(np.float32, st.integers(5, 60), elements=st.floats(0, 1, width=32))
times = st.floats(0.01, 2.0)


@settings(max_examples=60)
@given(levels, times, times, st.integers(2, 5))
def test_smoothing_does_not_depend_on_the_rate(
    values: np.ndarray, attack: float, release: float, factor: int
) -> None:
    slow = bands.attack_release(values, 20, attack, release)
    fast = bands.attack_release(np.repeat(values, factor), 20 * factor, attack, release)
    np.testing.assert_allclose(fast[factor - 1 :: factor], slow, atol=1e-5)


@settings(max_examples=60)
@given(levels, times, times)
def test_smoothing_stays_within_the_input(
    values: np.ndarray, attack: float, release: float
) -> None:
    out = bands.attack_release(values, 50, attack, release)
    assert out.min() >= 0
    assert out.max() <= values.max() + 1e-6


@settings(max_examples=40)
@given(levels, st.integers(1, 50))
def test_smoothing_is_causal(values: np.ndarray, cut: int) -> None:
    changed = values.copy()
    changed[cut:] = 1 - changed[cut:]
    before = bands.attack_release(values, 50, 0.02, 0.25)[:cut]
    np.testing.assert_array_equal(before, bands.attack_release(changed, 50, 0.02, 0.25)[:cut])


@settings(max_examples=60)
@given(levels, st.floats(0.01, 100))
def test_relative_loudness_ignores_the_gain(values: np.ndarray, gain: float) -> None:
    def relative(scale: float) -> np.ndarray:
        return bands.relative_loudness(
            (values * scale).astype(np.float32),
            50,
            seconds=4,
            attack=0.02,
            release=0.25,
            audible=1e-3 * scale,
        )

    # values right at the threshold of hearing may fall on either side
    if np.any(np.abs(values - 1e-3) < 1e-5):
        return
    np.testing.assert_allclose(relative(gain), relative(1.0), rtol=1e-3, atol=1e-4)


def relative(values: np.ndarray, rate: float = 50) -> np.ndarray:
    return bands.relative_loudness(
        values.astype(np.float32), rate, seconds=4, attack=0.02, release=0.25, audible=1e-3
    )


def test_usual_is_one() -> None:
    assert relative(np.full(1000, 0.3))[100:] == pytest.approx(1.0, abs=0.02)


def test_a_hit_rises_fast_and_falls_slowly() -> None:
    values = np.full(500, 0.1)
    values[250:255] = 0.3
    out = relative(values)
    assert out[249] == pytest.approx(1, abs=0.05)
    assert out[254] > 2.5
    peak = int(out.argmax())
    assert 250 <= peak <= 255
    assert 1.3 < out[peak + 12] < out[peak]


def test_loudness_is_capped_and_silence_is_zero() -> None:
    values = np.full(2000, 1e-2)
    values[1500] = 50
    assert relative(values).max() == bands.RELATIVE_MAX
    assert not relative(np.zeros(100)).any()


@settings(max_examples=40)
@given(hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 20)))
def test_sampling_never_looks_ahead(moments: np.ndarray) -> None:
    index = bands.held_index(moments, 100, 3000)
    assert np.all(index <= moments * 100 + 1e-3)
    assert np.all(index > moments * 100 - 1)


def test_onsets_fall_by_half_a_frame_at_24_fps() -> None:
    curve = onsets.onset_curve(np.array([10]), np.array([1.0], np.float32), 40, 24)
    assert curve[9] == 0
    assert curve[10] == 1
    assert curve[11] == pytest.approx(0.55, abs=0.01)


def test_noise_floor_has_no_onsets() -> None:
    index, _ = onsets.pick_onsets(np.full(500, 1e-4, np.float32), 100)
    assert len(index) == 0
