"""Guidance formulas, and that nothing leaks from frame to frame."""

from dataclasses import replace

import numpy as np
import pytest

from phosphene.stream.batch import InFlightFrame, Plan, complete
from phosphene.stream.guidance import Guidance, guide_full, guide_residual
from phosphene.stream.noise import HeldNoise, gaussian
from tests.stream.toy import HIDDEN, SD, SEQUENCE, home_of, toy_model

SHAPE = (1, 3, 4, 4)


def arrays(*slots):
    return [gaussian(3, 0, slot, SHAPE) for slot in slots]


@pytest.mark.parametrize("t", [99.0, 499.0, 900.0])
@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("delta", [0.0, 0.7, 1.0])
def test_residual_guidance_is_the_paper_formula(t, scale, delta):
    x, x0, reference = arrays(0, 1, 2)
    alpha, sigma = SD.levels(t)
    eps, residual = (x - alpha * x0) / sigma, (x - alpha * reference) / sigma
    guided_eps = delta * residual + scale * (eps - delta * residual)
    expected = (x - sigma * guided_eps) / alpha
    guided = guide_residual(x, x0, reference, alpha, Guidance("self", scale, delta))
    np.testing.assert_allclose(guided, expected, rtol=1e-4, atol=1e-4)


def test_full_guidance_is_the_same_for_x0_and_eps():
    x, x0, negative = arrays(0, 1, 2)
    alpha, sigma = SD.levels(500.0)
    eps, eps_negative = (x - alpha * x0) / sigma, (x - alpha * negative) / sigma
    guided_eps = eps_negative + 2.5 * (eps - eps_negative)
    expected = (x - sigma * guided_eps) / alpha
    np.testing.assert_allclose(guide_full(x0, negative, 2.5), expected, rtol=1e-4, atol=1e-4)


def test_pure_noise_of_a_flow_stays_finite():
    x, x0, reference = arrays(0, 1, 2)
    assert np.isfinite(guide_residual(x, x0, reference, 0.0, Guidance("self", 2.0, 0.5))).all()


def in_flight(guidance, reference=None, strength=0.6):
    text = gaussian(4, 0, 0, (1, SEQUENCE, HIDDEN))
    plan = Plan(tuple(SD.steps(2, strength).tolist()), guidance=guidance)
    return InFlightFrame(0, plan, gaussian(5, 0, 0, SHAPE), text, -text, reference)


def finished(of_in_flight):
    return complete(of_in_flight, toy_model(), HeldNoise(home_of("numpy"))).x


def test_self_guidance_without_a_source_does_nothing():
    np.testing.assert_array_equal(
        finished(in_flight(Guidance("self", 2.0))), finished(in_flight(Guidance("none")))
    )


def test_modes_differ_and_scale_one_is_off():
    reference = gaussian(6, 0, 0, SHAPE)
    plain = finished(in_flight(Guidance("none"), reference))
    for mode in ("full", "self", "initialize"):
        assert np.abs(finished(in_flight(Guidance(mode, 1.5), reference)) - plain).max() > 1e-2
        np.testing.assert_array_equal(finished(in_flight(Guidance(mode, 1.0), reference)), plain)


def test_self_guidance_leads_away_from_the_source():
    reference = gaussian(6, 0, 0, SHAPE)
    plain = finished(in_flight(Guidance("none"), reference))
    guided = finished(in_flight(Guidance("self", 1.3), reference))
    assert np.linalg.norm(guided - reference) > np.linalg.norm(plain - reference)


def test_the_negative_prompt_counts_in_full_and_initialize_only():
    reference = gaussian(6, 0, 0, SHAPE)
    for mode, counts in (("none", False), ("self", False), ("full", True), ("initialize", True)):
        one = in_flight(Guidance(mode, 1.5), reference)
        other = replace(one, negative=one.negative * 2)
        assert np.array_equal(finished(one), finished(other)) != counts
