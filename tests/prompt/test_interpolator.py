"""Prompts follow the harmony, the past and the clock, never the future."""

import numpy as np
import pytest
import torch

from phosphene.config import PromptConfig
from phosphene.prompt import PromptInterpolator
from tests.conftest import make_features, make_silence

RNG = np.random.default_rng(0)
BASE = RNG.normal(size=(3, 16)).astype(np.float32)
CHROMA = RNG.normal(size=(12, 3, 16)).astype(np.float32)


def with_chroma(chroma):
    features = make_features(num_frames=chroma.shape[1])
    object.__setattr__(features, "chroma_cq", chroma.astype(np.float32))
    return features


@pytest.mark.parametrize("interpolation", ["slerp", "lerp"])
@pytest.mark.parametrize("blend", ["cumulative", "focused"])
def test_precomputed_equals_on_the_fly(interpolation, blend, features) -> None:
    interp = PromptInterpolator(PromptConfig(interpolation=interpolation, blend=blend))
    whole = interp.interpolate_prompts(features, BASE, CHROMA)
    assert whole.shape == (features.num_frames, 3, 16)
    lazy = interp.interpolate_prompts(features, BASE[None], CHROMA, precompute=False)
    for frame in (95, 0, 50):
        np.testing.assert_array_equal(lazy[frame], whole[frame])


def test_silence_shows_the_base_prompt() -> None:
    whole = PromptInterpolator(PromptConfig()).interpolate_prompts(make_silence(), BASE, CHROMA)
    np.testing.assert_array_equal(whole, np.broadcast_to(BASE, whole.shape))


def test_one_note_leads_to_its_prompt() -> None:
    chroma = np.zeros((12, 48))
    chroma[7] = 1
    config = PromptConfig(chroma_strength=1.0)
    last = PromptInterpolator(config).interpolate_prompts(with_chroma(chroma), BASE, CHROMA)[-1]
    np.testing.assert_allclose(last, CHROMA[7], atol=1e-4)
    config = PromptConfig(chroma_strength=0.0)
    last = PromptInterpolator(config).interpolate_prompts(with_chroma(chroma), BASE, CHROMA)[-1]
    np.testing.assert_allclose(last, BASE, atol=1e-5)


def test_changes_are_smooth_and_causal() -> None:
    chroma = np.zeros((12, 96))
    chroma[0, :48], chroma[6, 48:] = 1, 1
    features = with_chroma(chroma)
    slow = PromptInterpolator(PromptConfig(smooth_seconds=0.5))
    weights = np.array([slow.weights_at_frame(i, features) for i in range(96)])
    assert weights[47, 6] == 0
    assert 0 < weights[48, 6] < 0.2
    assert (np.diff(weights[47:, 6]) >= 0).all()
    assert weights[-1, 6] > 0.95
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
    sudden = PromptInterpolator(PromptConfig(smooth_seconds=0)).weights_at_frame(48, features)
    assert sudden[6] == 1


def test_torch_keeps_its_type(features) -> None:
    interp = PromptInterpolator(PromptConfig(), "cpu", torch.float16)
    out = interp.interpolate_prompts(features, torch.from_numpy(BASE), torch.from_numpy(CHROMA))
    assert out.dtype == torch.float16
    exact = PromptInterpolator(PromptConfig()).interpolate_prompts(features, BASE, CHROMA)
    np.testing.assert_allclose(out.float().numpy(), exact, atol=2e-2)
