"""Live loudness: relative to what was heard so far."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.audio import bands
from phosphene.audio.live_levels import LOUD_MIN, Energy, LoudLevel, RelativeLevel
from phosphene.config import AudioConfig

RATE = 100.0
CONFIG = AudioConfig()


def loud_after(loudness: np.ndarray, level: LoudLevel | None = None) -> LoudLevel:
    level = level or LoudLevel()
    for block in loudness.reshape(-1, 10):
        level.hear(block, RATE)
    return level


@pytest.mark.parametrize("gain", [0.02, 0.1, 0.5, 1.0, 3.0])
def test_the_loud_level_is_that_of_the_whole_song(gain: float) -> None:
    loudness = gain * np.random.default_rng(0).gamma(2, 0.2, 3000)
    # half a decibel is the width of a slot
    assert loud_after(loudness).level == pytest.approx(bands.loud_level(loudness), rel=0.12)


def test_it_forgets_what_was_loud_but_not_in_a_rest() -> None:
    level = loud_after(np.full(2000, 0.5))
    loud_after(np.zeros(12_000), level)
    assert level.level == pytest.approx(0.5, rel=0.06)
    loud_after(np.full(12_000, 0.05), level)
    assert level.level == pytest.approx(0.05, rel=0.06)


def test_hiss_is_never_blown_up() -> None:
    assert loud_after(np.full(60_000, 3e-4)).level >= LOUD_MIN


@given(st.lists(st.floats(0, 1e4), min_size=10, max_size=200))
def test_levels_are_finite_for_any_loudness(values: list[float]) -> None:
    level, energy, band = LoudLevel(), Energy(), RelativeLevel()
    loudness = np.asarray(values)
    level.hear(loudness, RATE)
    energy.hear(loudness, level.level, RATE, CONFIG)
    band.hear(values, (loudness > level.rest).tolist(), RATE, CONFIG)
    assert LOUD_MIN <= level.level < 1e3
    assert 0 <= energy.value <= 1
    assert 0 <= band.value <= bands.RELATIVE_MAX


def test_energy_is_that_of_the_song_when_the_loud_level_is_known() -> None:
    loudness = np.random.default_rng(1).random(500)
    loud = bands.loud_level(loudness)
    whole = bands.energy(loudness, RATE, loud=loud, attack=0.02, release=0.25)
    energy, live = Energy(), []
    for value in loudness:
        energy.hear(np.asarray([value]), loud, RATE, CONFIG)
        live.append(energy.value)
    np.testing.assert_allclose(live, whole, atol=1e-5)


@pytest.mark.parametrize("gain", [0.01, 0.1, 1.0])
def test_a_steady_band_is_usual_and_a_hit_stands_out(gain: float) -> None:
    band = RelativeLevel()
    steady, sounding = [0.3 * gain] * 1000, [True] * 1000
    band.hear(steady, sounding, RATE, CONFIG)
    assert band.value == pytest.approx(1.0, abs=0.02)
    band.hear([1.2 * gain] * 6, [True] * 6, RATE, CONFIG)
    assert 2.5 < band.value <= bands.RELATIVE_MAX
    band.hear([0.0] * 300, [False] * 300, RATE, CONFIG)
    assert band.value < 0.01


def test_the_first_sound_is_no_explosion() -> None:
    band = RelativeLevel()
    band.hear([0.5] * 10, [True] * 10, RATE, CONFIG)
    assert band.value < 1.5
