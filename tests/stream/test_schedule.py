import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.errors import ConfigError
from phosphene.stream.schedule import Schedule, x0_weights
from tests.stream.toy import FLOW, SD, eps_weights

# StreamDiffusion's table for Stable Diffusion: t, sqrt(abar), sqrt(1 - abar).
KNOWN = [(999, 0.068, 0.998), (679, 0.310, 0.951), (419, 0.628, 0.778), (19, 0.991, 0.133)]
schedules = st.sampled_from([SD, FLOW])
fractions = st.floats(0.0, 1.0)


@pytest.mark.parametrize(("t", "alpha", "sigma"), KNOWN)
def test_stable_diffusion_levels(t, alpha, sigma):
    assert SD.levels(t) == pytest.approx((alpha, sigma), abs=5e-4)


@given(fractions)
def test_variance_is_preserved_between_timesteps(u):
    alpha, sigma = SD.alpha_sigma(u * SD.t_max)
    assert alpha**2 + sigma**2 == pytest.approx(1, abs=1e-12)


def test_levels_take_a_timestep_per_sample():
    alpha, sigma = SD.alpha_sigma(np.array([[0.0, 10.5], [998.9, 999.0]]))
    assert alpha.shape == sigma.shape == (2, 2)
    assert np.all(np.diff(alpha.ravel()) < 0) and np.all(np.diff(sigma.ravel()) > 0)


def test_flow_is_straight():
    assert FLOW.levels(0.25) == (0.75, 0.25)
    assert FLOW.levels(7.0) == (0.0, 1.0)


@given(schedules, st.integers(1, 8), st.just(0.0) | st.floats(1e-6, 1.0))
def test_steps_fall_evenly_from_strength_to_zero(schedule, n, strength):
    steps = schedule.steps(n, strength)
    if strength == 0:
        assert len(steps) == 0
        return
    assert len(steps) == n
    assert steps[0] == pytest.approx(strength * schedule.t_max)
    np.testing.assert_allclose(np.diff(steps), -steps[-1], rtol=1e-9)


def test_index_list_counts_on_the_lcm_grid():
    assert SD.steps(1, indices=[0, 16, 32, 45]).tolist() == [999, 679, 359, 99]
    assert FLOW.steps(1, indices=[0, 25]).tolist() == [1.0, 0.5]


@pytest.mark.parametrize("indices", [[], [50], [-1], [3, 3], [5, 2]])
def test_bad_index_lists_are_refused(indices):
    with pytest.raises(ConfigError, match="t_index_list"):
        SD.steps(1, indices=indices)


@pytest.mark.parametrize(("n", "strength"), [(1, 1.01), (1, -0.1), (1, float("nan")), (0, 0.5)])
def test_bad_steps_are_refused(n, strength):
    with pytest.raises(ConfigError):
        SD.steps(n, strength)


@given(schedules, st.floats(0.08, 0.99))
def test_blend_ratio_is_the_share_of_the_picture(schedule, ratio):
    alpha, sigma = schedule.levels(schedule.from_blend_ratio(ratio))
    assert alpha / np.hypot(alpha, sigma) == pytest.approx(ratio, abs=1e-5)


@given(schedules)
def test_blend_ratio_ends(schedule):
    assert schedule.from_blend_ratio(0.0) == pytest.approx(schedule.t_max, rel=1e-5)
    assert schedule.from_blend_ratio(1.0) == pytest.approx(0.0, abs=1e-5)


@given(
    schedules,
    st.sampled_from(["eps", "v", "x0", "flow"]),
    st.floats(0.02, 0.98),
    st.floats(-3, 3),
    st.floats(-3, 3),
)
def test_every_prediction_gives_back_picture_and_noise(schedule, kind, u, x0, eps):
    alpha, sigma = schedule.levels(u * schedule.t_max)
    x = alpha * x0 + sigma * eps
    v = {"eps": eps, "x0": x0, "v": alpha * eps - sigma * x0, "flow": eps - x0}[kind]
    a, b = x0_weights(kind, alpha, sigma)
    c, d = eps_weights(kind, alpha, sigma)
    assert a * x + b * v == pytest.approx(x0, abs=1e-6)
    assert c * x + d * v == pytest.approx(eps, abs=1e-6)


def test_flow_predictions_survive_pure_noise():
    assert x0_weights("flow", 0.0, 1.0) == (1.0, -1.0)
    assert all(np.isfinite(x0_weights("eps", 0.0, 1.0)))


def test_given_alphas():
    schedule = Schedule(np.array([0.9, 0.5, 0.1]))
    assert schedule.t_max == 2
    assert schedule.levels(1) == pytest.approx((0.5**0.5, 0.5**0.5))
