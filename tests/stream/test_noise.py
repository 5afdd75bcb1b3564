import numpy as np
import pytest

from phosphene.stream.noise import HeldNoise, gaussian, uniform
from tests.stream.toy import BACKENDS, home_of

SHAPE = (1, 4, 32, 32)
KNOWN = [0.059911, 0.01556, -1.164438]


def test_unit_gaussian():
    noise = gaussian(3, 7, 1, (200_000,))
    assert noise.dtype == np.float32
    assert abs(noise.mean()) < 0.01
    assert noise.std() == pytest.approx(1, abs=0.01)
    # kurtosis of a gaussian is 3.
    assert (noise**4).mean() == pytest.approx(3, abs=0.1)


def test_a_pure_function_of_its_key():
    forwards = [gaussian(1, frame, 0, SHAPE) for frame in range(5)]
    backwards = [gaussian(1, frame, 0, SHAPE) for frame in reversed(range(5))]
    np.testing.assert_array_equal(forwards, backwards[::-1])


def test_known_values_survive_versions():
    np.testing.assert_allclose(gaussian(0, 0, 0, (3,)), KNOWN, atol=1e-6)


def test_any_other_key_is_independent():
    base = gaussian(1, 1, 1, SHAPE).ravel()
    large = 2**64 - 1
    keys = [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 2, 1), (1, 1, 2), (2**32 - 1, 1, 1), (1, large, 1)]
    for key in keys:
        other = gaussian(*key, SHAPE).ravel()
        assert abs(np.corrcoef(base, other)[0, 1]) < 5 / np.sqrt(base.size)


def test_uniform_is_uniform():
    draws = np.array([uniform(9, frame) for frame in range(4000)])
    assert draws.min() >= 0 and draws.max() < 1
    assert draws.mean() == pytest.approx(0.5, abs=0.02)
    assert np.histogram(draws, 10, (0, 1))[0] == pytest.approx(400, abs=100)


@pytest.mark.parametrize("backend", BACKENDS)
def test_held_noise_is_the_same_on_every_backend_and_for_every_batch(backend):
    held = HeldNoise(home_of(backend))
    small, large = held(5, 2, SHAPE), held(5, 2, (7, *SHAPE[1:]))
    np.testing.assert_array_equal(np.asarray(small), gaussian(5, 0, 2, SHAPE))
    assert small is large


def test_held_noise_does_not_grow():
    held = HeldNoise(home_of("numpy"))
    for seed in range(1000):
        held(seed, 1, (1, 1, 2, 2))
    assert len(held._arrays) <= 64
