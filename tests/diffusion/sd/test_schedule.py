"""Timesteps are diffusers' own, and strength moves them evenly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.diffusion.sd.schedule import SpacedSchedule
from tests.diffusion.sd.trees import BETAS
from tests.stream.toy import SD

ALPHAS = SD.alphas_cumprod
TRAILING = SpacedSchedule(ALPHAS)
LCM = SpacedSchedule(ALPHAS, spacing="lcm")


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7, 8, 25])
def test_timesteps_are_diffusers(steps: int) -> None:
    import diffusers

    euler = diffusers.EulerDiscreteScheduler(timestep_spacing="trailing", **BETAS)
    euler.set_timesteps(steps)
    np.testing.assert_array_equal(TRAILING.steps(steps), euler.timesteps.numpy())
    for kind in (diffusers.LCMScheduler, diffusers.TCDScheduler):
        scheduler = kind(**BETAS)
        scheduler.set_timesteps(steps)
        np.testing.assert_array_equal(LCM.steps(steps), scheduler.timesteps.numpy())


@pytest.mark.parametrize("strength", [0.08, 0.3, 0.5, 0.75, 0.9])
def test_strength_is_lcms_own(strength: float) -> None:
    import diffusers

    scheduler = diffusers.LCMScheduler(**BETAS)
    scheduler.set_timesteps(2, strength=strength)
    np.testing.assert_array_equal(LCM.steps(2, strength), scheduler.timesteps.numpy())


@given(
    st.sampled_from([TRAILING, LCM, SpacedSchedule(ALPHAS, first=800)]),
    st.integers(1, 20),
    st.floats(1e-4, 1.0),
)
def test_timesteps_fall_and_stay_whole(schedule: SpacedSchedule, n: int, strength: float) -> None:
    times = schedule.steps(n, strength)
    assert 1 <= len(times) <= n
    assert np.all(np.diff(times) < 0)
    assert np.array_equal(times, np.round(times))
    assert times[-1] >= 0 and times[0] <= (schedule.first or 999)
    assert abs(times[0] - min(999 * strength, schedule.first or 999)) <= 21


def test_the_ends_and_the_expert_list() -> None:
    assert LCM.steps(4, 0.0).size == 0
    assert SpacedSchedule(ALPHAS, spacing="lcm", first=800).steps(1).tolist() == [800.0]
    assert LCM.steps(2, indices=[32, 45]).tolist() == [359.0, 99.0]


def test_levels_are_those_of_whole_timesteps() -> None:
    assert LCM.levels(531.3) == LCM.levels(531.0)
    assert LCM.levels(530.9999999) == LCM.levels(531.0)
    alpha, sigma = LCM.levels(400)
    assert (alpha**2, alpha**2 + sigma**2) == pytest.approx((ALPHAS[400], 1.0))
