import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.stream.coherence import (
    MAX_BLEND,
    adaptive_ratio,
    clamp_energy,
    coherent_strength,
    energy_noise,
    noisy_start,
    scale_noise,
)
from tests.stream.toy import FLOW, SD

ratios = st.floats(0, 0.95)
energies = st.floats(0, 1)


def test_energy_is_clamped():
    assert [clamp_energy(e) for e in (-1, 0.3, 7, float("nan"))] == [0, 0.3, 1, 0]


@given(ratios, energies, energies)
def test_loud_keeps_less_quiet_keeps_more(ratio, one, other):
    quiet, loud = sorted((one, other))
    assert adaptive_ratio(ratio, loud) <= adaptive_ratio(ratio, quiet) <= MAX_BLEND
    assert adaptive_ratio(ratio, 0.5) == pytest.approx(ratio)
    assert 0.5 * ratio <= adaptive_ratio(ratio, loud) + 1e-12


@given(ratios, energies, energies)
def test_strength_rises_with_energy(ratio, one, other):
    quiet, loud = sorted((one, other))

    def strength(energy):
        return coherent_strength(SD, ratio, energy, energy_noise(1.0, energy), adaptive=True)

    assert 0 <= strength(quiet) <= strength(loud) <= 1


def test_switches_off():
    plain = coherent_strength(SD, 0.3, 0.9, 1.0, adaptive=False)
    assert plain == coherent_strength(SD, 0.3, 0.1, 1.0, adaptive=False)
    assert energy_noise(0.0, 0.9) == 1.0
    assert energy_noise(1.0, 0.5) == 1.0


@given(ratios, st.floats(0.05, 4))
def test_scaled_noise_scales_the_ratio_of_noise_to_picture(ratio, factor):
    scaled = scale_noise(ratio, factor)
    assert 0 <= scaled <= 1
    left = scaled * factor * np.sqrt(1 - ratio**2)
    assert left == pytest.approx(ratio * np.sqrt(1 - scaled**2), abs=1e-9)


def test_no_noise_keeps_everything():
    assert scale_noise(0.3, 0.0) == 1.0
    assert scale_noise(0.0, 0.0) == 1.0


@pytest.mark.parametrize("energy", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("ratio", [0.2, 0.6, 0.95])
def test_the_start_is_the_blend_and_has_unit_variance(ratio, energy):
    rng = np.random.default_rng(0)
    source, noise = rng.standard_normal((2, 1, 4, 64, 64), dtype=np.float32)
    t = coherent_strength(SD, ratio, energy, energy_noise(1.0, energy), True) * SD.t_max
    start = noisy_start(SD, source, noise, t)
    assert start.dtype == np.float32
    assert start.std() == pytest.approx(1, abs=0.02)


def test_the_start_of_a_flow_is_a_blend_scaled():
    ones, zeros = np.ones((1, 1, 2, 2), np.float32), np.zeros((1, 1, 2, 2), np.float32)
    t = FLOW.from_blend_ratio(0.6)
    picture = noisy_start(FLOW, ones, zeros, t)[0, 0, 0, 0]
    noise = noisy_start(FLOW, zeros, ones, t)[0, 0, 0, 0]
    assert picture / np.hypot(picture, noise) == pytest.approx(0.6, abs=1e-6)
