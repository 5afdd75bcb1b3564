"""Holding a drawn video steady, on inputs whose motion is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.stream.noise import gaussian
from phosphene.video.motion import steady

SHAPE = (1, 4, 24, 32)


def arrows(x: float, y: float = 0.0, size: tuple[int, int] = (24, 32)) -> np.ndarray:
    return np.stack([np.full(size, x), np.full(size, y)]).astype(np.float32)


def noise(seed: int = 0) -> np.ndarray:
    return gaussian(seed, 0, 0, SHAPE)


@given(change=st.floats(0, 30))
def test_trust_falls_with_change_that_motion_does_not_explain(change: float) -> None:
    before = np.random.default_rng(0).uniform(0, 200, (24, 32)).astype(np.float32)
    now = np.roll(before, 3, axis=1) + np.float32(change)
    # things came from three to the left
    trusted = steady.trust(now, before, arrows(-3))
    assert trusted.shape == (24, 32)
    expected = np.exp(-((change / steady.UNLIKE) ** 2))
    np.testing.assert_allclose(trusted[:, 4:], expected, atol=2e-3)
    # what was not to be seen before is another thing
    assert trusted[:, 0].mean() < 0.2


def test_holding_blends_only_where_trusted_and_asked() -> None:
    drawn, before = noise(0)[0], noise(1)[0]
    trusted = np.zeros((24, 32), np.float32)
    trusted[:, :16] = 1
    held = steady.hold(drawn, before, trusted, stabilize=1.0)
    np.testing.assert_array_equal(held[..., 16:], drawn[..., 16:])
    share = steady.HELD
    expected = (1 - share) * drawn[..., :16] + share * before[..., :16]
    np.testing.assert_allclose(held[..., :16], expected, atol=1e-6)
    np.testing.assert_array_equal(steady.hold(drawn, before, trusted, 0.0), drawn)


def test_cuts() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.uniform(0, 255, (2, 64, 64)).astype(np.float32)
    still = np.zeros((2, 64, 64), np.float32)
    assert steady.is_cut(one, other, still)
    assert not steady.is_cut(one, one + 5, still)
    # a dim picture that flickers a little is no cut, however little contrast it has
    assert not steady.is_cut(
        np.full((64, 64), 9, np.float32), np.full((64, 64), 4, np.float32), still
    )


def test_noise_of_still_places_is_the_seeds_own() -> None:
    places = steady.still_places(24, 32)
    np.testing.assert_array_equal(steady.noise_at(7, places, 4), gaussian(7, 0, 0, SHAPE))


@settings(max_examples=20)
@given(x=st.floats(-9, 9), y=st.floats(-9, 9), steps=st.integers(1, 12))
def test_noise_stays_unit_and_moves_with_things(x: float, y: float, steps: int) -> None:
    """Uniform motion, in so many steps: the noise of the start, moved all the way, not blurred."""
    flow = arrows(-x / steps, -y / steps, (64, 64))
    everywhere = np.ones((64, 64), np.float32)
    places = steady.still_places(64, 64)
    for _ in range(steps):
        places = steady.follow(places, flow, everywhere)
    field = steady.noise_at(3, places, 8)
    assert abs(field.mean()) < 0.05
    assert abs(field.std() - 1) < 0.06
    inside = np.s_[:, :, 12:-12, 12:-12]
    start = steady.noise_at(3, steady.still_places(64, 64) + arrows(-x, -y, (64, 64)), 8)
    np.testing.assert_allclose(field[inside], start[inside], atol=0.05)


def test_noise_begins_anew_where_nothing_is_trusted_or_known() -> None:
    own = steady.still_places(24, 32)
    moved = own + 2
    nowhere = np.zeros((24, 32), np.float32)
    np.testing.assert_array_equal(steady.follow(moved, arrows(0.3), nowhere), own)
    followed = steady.follow(own, arrows(-5), nowhere + 1)
    np.testing.assert_array_equal(followed[:, :, :4], own[:, :, :4])  # came in from the left
    np.testing.assert_allclose(followed[0, :, 8:], own[0, :, 3:-5], atol=1e-5)


def test_noise_that_has_been_stretched_begins_anew() -> None:
    own = steady.still_places(32, 32)
    towards_middle = (np.array([15.5, 15.5], np.float32)[:, None, None] - own) * np.float32(0.05)
    places, magnified = own, []
    for _ in range(40):  # a long zoom in
        places = steady.follow(places, towards_middle, np.ones((32, 32), np.float32))
        (_, x_x), (y_y, _) = np.gradient(places[0]), np.gradient(places[1])
        magnified.append(float(np.median(x_x * y_y)))
    assert min(magnified) > steady.STRETCHED[0] - 0.01
    assert max(magnified[1:]) > 0.85  # it began anew


def test_motion_is_averaged_and_eases_the_strength() -> None:
    still = np.full((8, 8), 100, np.float32)
    motion = 0.0
    for _ in range(100):
        motion = steady.motion_average(motion, still + 60, still, 1 / 25)
    assert motion == pytest.approx(1, abs=1e-3)
    assert steady.motion_average(motion, still, still, 0.5) == pytest.approx(np.exp(-1), abs=1e-3)
    # the same stretch of time has the same effect at any frame rate
    slow = steady.motion_average(0.0, still + 60, still, 0.1)
    half = steady.motion_average(0.0, still + 60, still, 0.05)
    fast = steady.motion_average(half, still + 60, still, 0.05)
    assert slow == pytest.approx(fast)
    assert steady.eased_strength(0.6, 1.0, 1.0) == pytest.approx(0.5)
    assert steady.eased_strength(0.6, 1.0, 0.0) == 0.6
    assert steady.eased_strength(0.1, 1.0, 1.0) == pytest.approx(0.05)
    assert steady.eased_strength(0.0, 1.0, 1.0) == 0.0
