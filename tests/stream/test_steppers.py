"""Parity with the reference implementations of both rules."""

import numpy as np
import pytest

from phosphene.stream.schedule import x0_weights
from phosphene.stream.steppers import lcm_boundary, lcm_mix, tcd_mix
from tests.stream.toy import SD

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

SETTINGS = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "original_inference_steps": 50,
}
KINDS = [("eps", "epsilon"), ("v", "v_prediction"), ("x0", "sample")]
STEPS = 4


def arrays(seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((2, 1, 4, 8, 8), dtype=np.float32)


def predicted(kind, x, prediction, t):
    alpha, sigma = SD.levels(t)
    a, b = x0_weights(kind, alpha, sigma)
    x0 = a * x + b * prediction
    return x0, (x - alpha * x0) / sigma


def reference_noise(seed, shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).numpy()


@pytest.mark.parametrize(("kind", "name"), KINDS)
@pytest.mark.parametrize("index", range(STEPS))
def test_lcm_is_diffusers_lcm(kind, name, index):
    scheduler = diffusers.LCMScheduler(prediction_type=name, clip_sample=False, **SETTINGS)
    scheduler.set_timesteps(STEPS)
    times = scheduler.timesteps.tolist()
    scheduler.set_begin_index(index)
    x, prediction = arrays(index)
    expected = scheduler.step(
        torch.from_numpy(prediction),
        times[index],
        torch.from_numpy(x),
        generator=torch.Generator().manual_seed(5),
    )

    x0, _ = predicted(kind, x, prediction, times[index])
    c_skip, c_out = lcm_boundary(times[index])
    denoised = c_skip * x + c_out * x0
    following = denoised
    if index < STEPS - 1:
        mix = lcm_mix(*SD.levels(times[index + 1]))
        following = mix.x0 * denoised + mix.noise * reference_noise(5, x.shape)
    np.testing.assert_allclose(denoised, expected.denoised.numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(following, expected.prev_sample.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("kind", "name"), KINDS)
@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("index", range(STEPS - 1))
def test_tcd_is_diffusers_tcd(kind, name, gamma, index):
    scheduler = diffusers.TCDScheduler(prediction_type=name, clip_sample=False, **SETTINGS)
    scheduler.set_timesteps(STEPS)
    times = scheduler.timesteps.tolist()
    scheduler.set_begin_index(index)
    x, prediction = arrays(10 + index)
    expected = scheduler.step(
        torch.from_numpy(prediction),
        torch.tensor(times[index]),
        torch.from_numpy(x),
        eta=gamma,
        generator=torch.Generator().manual_seed(5),
    ).prev_sample.numpy()
    if gamma == 0.0:
        # without noise diffusers stops at s, which is then the next timestep.
        assert int(times[index + 1]) == times[index + 1]

    x0, eps = predicted(kind, x, prediction, times[index])
    # diffusers rounds s down to a whole timestep.
    s = float(torch.floor(torch.tensor((1 - gamma) * times[index + 1])))
    mix = tcd_mix(*SD.levels(times[index + 1]), *SD.levels(s))
    following = mix.x0 * x0 + mix.eps * eps + mix.noise * reference_noise(5, x.shape)
    np.testing.assert_allclose(following, expected, rtol=1e-5, atol=1e-5)


def test_boundary_keeps_a_clean_input_and_all_of_the_model_otherwise():
    assert lcm_boundary(0.0) == (1.0, 0.0)
    c_skip, c_out = lcm_boundary(999.0)
    assert c_skip < 1e-6 and c_out == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("t", [50.0, 500.0, 900.0])
@pytest.mark.parametrize("gamma", [0.0, 0.4, 1.0])
def test_every_rule_makes_the_noise_that_its_timestep_states(t, gamma):
    alpha, sigma = SD.levels(t)
    mixes = [
        lcm_mix(alpha, sigma),
        lcm_mix(alpha, sigma, add_noise=False),
        tcd_mix(alpha, sigma, *SD.levels((1 - gamma) * t)),
        tcd_mix(alpha, sigma, *SD.levels((1 - gamma) * t), add_noise=False),
    ]
    for mix in mixes:
        assert mix.x0 == alpha
        assert np.hypot(mix.eps, mix.noise) == pytest.approx(sigma)
