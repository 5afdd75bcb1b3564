"""Single pictures whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene import metrics


def flat(*rgb: int) -> np.ndarray:
    return np.full((16, 16, 3), rgb, np.uint8)


def noise(seed: int = 0, low: int = 0, high: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, (32, 32, 3)).astype(np.uint8)


def test_flat_pictures() -> None:
    grey = flat(90, 90, 90)
    assert metrics.sharpness(grey) == 0
    assert metrics.contrast(grey) == 0
    assert metrics.saturation(grey) == 0
    assert metrics.clipped(grey) == 0
    assert metrics.saturation(flat(255, 0, 0)) == 1
    assert metrics.clipped(flat(255, 0, 7)) == pytest.approx(2 / 3)
    assert metrics.luma(flat(255, 255, 255)) == pytest.approx(255, abs=1e-3)


def test_contrast_is_the_standard_deviation_of_luma() -> None:
    half = flat(0, 0, 0)
    half[:8] = 255
    assert metrics.contrast(half) == pytest.approx(127.5)


def test_sharpness_of_a_known_pattern_and_under_blur() -> None:
    board = flat(0, 0, 0)
    board[::2, 1::2] = board[1::2, ::2] = 255
    # a chequerboard's Laplacian is +-4 x 255
    assert metrics.sharpness(board) == pytest.approx((4 * 255) ** 2, rel=1e-4)
    rough = noise()
    soft = ((rough[:-1].astype(int) + rough[1:]) // 2).astype(np.uint8)
    assert metrics.sharpness(soft) < 0.7 * metrics.sharpness(rough)


@given(shift=st.integers(0, 55), seed=st.integers(0, 9))
def test_a_shift_of_levels_is_its_own_distance(shift: int, seed: int) -> None:
    one = noise(seed, 0, 200)
    other = one + np.uint8(shift)
    a, b = metrics.histogram(one), metrics.histogram(other)
    assert metrics.histogram_distance(a, b) == pytest.approx(shift, abs=1e-9)
    assert metrics.histogram_distance(b, a) == pytest.approx(shift, abs=1e-9)
    assert a.sum(axis=-1) == pytest.approx(np.ones(3))


def test_ends_of_the_scale_are_as_far_apart_as_can_be() -> None:
    black, white = metrics.histogram(flat(0, 0, 0)), metrics.histogram(flat(255, 255, 255))
    assert metrics.histogram_distance(black, white) == 255
    # where a colour is does not matter
    rough = noise()
    assert metrics.histogram_distance(metrics.histogram(rough), metrics.histogram(rough[::-1])) == 0
