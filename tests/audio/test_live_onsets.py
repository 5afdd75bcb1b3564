"""Attacks as they happen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.audio.live_onsets import FLUX_MIN, LiveOnsets

RATE = 100.0


def curve(flux: list[float]) -> np.ndarray:
    onsets = LiveOnsets(RATE)
    out = []
    for height in flux:
        onsets.hear([height])
        out.append(onsets.value)
    return np.asarray(out)


def hits(at: list[int], count: int = 200, height: float = 30.0) -> list[float]:
    flux = np.full(count, 0.5)
    for index in at:
        flux[index : index + 3] += height * np.asarray([0.6, 1.0, 0.4])
    return flux.tolist()


def test_an_attack_is_there_in_its_own_moment_and_falls() -> None:
    heard = curve(hits([50, 120]))
    assert not heard[:50].any()
    assert heard[50] > 0.5
    assert heard[51] == 1.0
    assert np.all(np.diff(heard[54:120]) < 0)
    assert heard[70] < 0.2
    assert heard[121] > 0.9


def test_one_attack_is_one() -> None:
    # after its top a stroke rings: that is no second one
    flux = np.full(100, 0.5)
    flux[50:60] = [20, 30, 28, 26, 24, 22, 20, 18, 16, 14]
    heard = curve(flux.tolist())
    assert np.all(np.diff(heard[53:90]) < 0)


def test_soft_strokes_are_weaker_than_hard_ones() -> None:
    soft = np.maximum(hits([20, 60, 100, 140]), hits([160], height=12.0))
    heard = curve(soft.tolist())
    assert heard[161] == pytest.approx(heard[141] * 0.4, abs=0.1)


def test_steady_and_faint_flux_is_no_attack() -> None:
    assert not curve([0.9 * FLUX_MIN] * 100).any()
    restless = np.random.default_rng(0).uniform(4, 6, 400)
    heard = curve(restless.tolist())
    assert heard.max() < 0.3, "its beginning"
    assert heard[100:].max() < 1e-3


@given(st.lists(st.floats(0, 1e6), max_size=80), st.integers(1, 30))
def test_blocks_make_no_difference(flux: list[float], size: int) -> None:
    whole, blocks = LiveOnsets(RATE), LiveOnsets(RATE)
    top = whole.hear(flux)
    tops = [blocks.hear(flux[at : at + size]) for at in range(0, len(flux), size)]
    assert max(tops, default=0.0) == top
    assert blocks.value == whole.value
    assert 0 <= whole.value <= top <= 1
