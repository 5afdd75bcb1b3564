"""SD15Pipeline draws and encodes what diffusers does with the same weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from phosphene.diffusion.checkpoints import device as torch_device
from phosphene.diffusion.sd.sd15 import SD15Pipeline
from phosphene.errors import InputError
from phosphene.stream.schedule import x0_weights
from tests.diffusion.sd.tools import ALONE, load, noise, pictures, plain, predict, warnings
from tests.diffusion.sd.trees import HIDDEN, PROMPT_TOKENS
from tests.stream.toy import eps_weights

pytestmark = pytest.mark.usefixtures("offline")


def test_facts_come_from_the_configs(trees: dict[str, Path], pipeline: SD15Pipeline) -> None:
    facts = pipeline.facts
    assert (facts.latent_channels, facts.latent_factor, facts.size_multiple) == (4, 8, 8)
    assert facts.embed_shape == (PROMPT_TOKENS, HIDDEN)
    assert facts.max_size == 64
    assert facts.prediction == "eps"
    assert load(trees["v"]).facts.prediction == "v"
    assert pipeline.get_latent_shape(3) == (3, 4, 8, 8)
    expected = plain(trees["eps"]).scheduler.alphas_cumprod.numpy()
    np.testing.assert_allclose(facts.schedule.alphas_cumprod, expected)


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("kind", ["eps", "v"])
def test_steps_equal_diffusers(trees: dict[str, Path], kind: str, steps: int) -> None:
    pipe, ours = plain(trees[kind]), load(trees[kind])
    expected = pipe(
        "a red cat",
        height=64,
        width=64,
        num_inference_steps=steps,
        guidance_scale=1.0,
        latents=noise(),
        output_type="latent",
    ).images
    facts, embeds, x = ours.facts, ours.encode_prompt("a red cat"), noise()
    times = pipe.scheduler.timesteps.tolist()
    for t, following in zip(times, [*times[1:], None], strict=True):
        out = ours.denoise(x, torch.tensor([float(t)]), embeds, ALONE)
        alpha, sigma = (float(value) for value in facts.schedule.alpha_sigma(t))
        a, b = x0_weights(facts.prediction, alpha, sigma)
        c, d = eps_weights(facts.prediction, alpha, sigma)
        x0, eps = a * x + b * out, c * x + d * out
        alpha, sigma = (
            facts.schedule.alpha_sigma(following) if following is not None else (1.0, 0.0)
        )
        x = float(alpha) * x0 + float(sigma) * eps
    torch.testing.assert_close(x, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


def test_fractional_timesteps_lie_between(pipeline: SD15Pipeline) -> None:
    low, middle, high = (predict(pipeline, t) for t in (700.0, 700.5, 701.0))
    assert 0 < (middle - low).abs().max() < (high - low).abs().max()


def test_a_batch_equals_single_calls(pipeline: SD15Pipeline) -> None:
    embeds, times = pipeline.encode_prompt(["red", "cat"]), torch.tensor([900.0, 300.0])
    latents = noise(2)
    both = pipeline.denoise(latents, times, embeds, ALONE)
    for i in range(2):
        one = slice(i, i + 1)
        alone = pipeline.denoise(latents[one], times[one], embeds[one], ALONE)
        torch.testing.assert_close(both[one], alone, rtol=1e-5, atol=1e-5)


def test_prompts_equal_diffusers_and_are_cached(
    trees: dict[str, Path], pipeline: SD15Pipeline
) -> None:
    expected, _ = plain(trees["eps"]).encode_prompt("A red 🎵 cat, é", "cpu", 1, False)
    got = pipeline.encode_prompt(["A red 🎵 cat, é", "", "A red 🎵 cat, é"])
    assert got.shape == (3, PROMPT_TOKENS, HIDDEN)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got[:1], expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(got[0], got[2])
    assert torch.equal(got[:1], pipeline.encode_prompt("A red 🎵 cat, é"))


def test_weights_scale_tokens_and_keep_the_magnitude(pipeline: SD15Pipeline) -> None:
    usual, same, more, none = pipeline.encode_prompt(
        ["a red cat", "a (red:1.0) cat", "a (red:1.5) cat", "a (red:0) cat"]
    )
    assert torch.equal(usual, same)
    ratio = more / usual
    # "red" is one token, the third after start and "a"
    torch.testing.assert_close(ratio[2] / ratio[0], torch.full((HIDDEN,), 1.5))
    torch.testing.assert_close(ratio[3], ratio[0])
    torch.testing.assert_close(more.abs().mean(), usual.abs().mean())
    assert torch.equal(none[2], torch.zeros(HIDDEN))


def test_a_long_prompt_is_cut_and_says_so(
    pipeline: SD15Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    fits = pipeline.encode_prompt("red " * 18)
    assert not warnings(caplog)
    cut = pipeline.encode_prompt("red " * 18 + "cat" * 3000)
    assert torch.equal(fits, cut)
    (message,) = warnings(caplog)
    assert "cut to 18 tokens" in message
    assert "catcat" in message
    assert len(message) < 200


def test_no_prompt_is_refused(pipeline: SD15Pipeline) -> None:
    with pytest.raises(InputError):
        pipeline.encode_prompt([])


def test_a_batch_of_pictures_from_noise(pipeline: SD15Pipeline) -> None:
    frames = pipeline.generate_batch(noise(3), pipeline.encode_prompt("red"))
    assert frames.shape == (3, 64, 64, 3)
    assert frames.dtype == np.uint8
    assert not np.array_equal(frames[0], frames[1])


@pytest.mark.parametrize("tiny", [False, True])
def test_pictures_there_and_back(trees: dict[str, Path], tiny: bool) -> None:
    ours, pipe = load(trees["eps"], use_tiny_vae=tiny), plain(trees["eps"])
    if tiny:
        from diffusers import AutoencoderTiny

        pipe.vae = AutoencoderTiny.from_pretrained(trees["eps"] / "taesd")
    frames = pictures()
    latents = ours.encode_image(frames)
    assert latents.shape == (2, 4, 8, 8)
    assert latents.dtype == torch.float32
    decoded = ours.decode(latents)
    assert decoded.shape == frames.shape
    assert decoded.dtype == np.uint8
    with torch.no_grad():
        encoded = pipe.vae.encode(pipe.image_processor.preprocess(frames / np.float32(255)))
        found = encoded.latents if tiny else encoded.latent_dist.mode()
        scale = pipe.vae.config.scaling_factor
        torch.testing.assert_close(latents, found * scale, rtol=1e-5, atol=1e-5)
        image = pipe.image_processor.postprocess(pipe.vae.decode(latents / scale).sample, "np")
    assert np.abs(decoded - image * 255).max() < 0.51


def test_channels_last_draws_the_same(trees: dict[str, Path], pipeline: SD15Pipeline) -> None:
    last = load(trees["eps"], enable_channels_last=True)
    torch.testing.assert_close(predict(last), predict(pipeline), rtol=1e-5, atol=1e-5)


def test_only_the_networks_run_in_the_chosen_dtype(
    trees: dict[str, Path], pipeline: SD15Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    # float64 shows every missing cast, and runs on any cpu
    monkeypatch.setattr(torch_device, "pick_dtype", lambda *_: torch.float64)
    wide = load(trees["eps"])
    assert wide.asarray(np.zeros(2, np.float32)).dtype == torch.float64
    assert wide.encode_prompt("(red:1.2)").dtype == torch.float32
    assert predict(wide).dtype == torch.float32
    torch.testing.assert_close(predict(wide), predict(pipeline), rtol=1e-4, atol=1e-5)
    latents = wide.encode_image(pictures())
    torch.testing.assert_close(latents, pipeline.encode_image(pictures()), rtol=1e-4, atol=1e-5)
    assert wide.decode(latents).shape == (2, 64, 64, 3)
