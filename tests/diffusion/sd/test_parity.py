"""Whole pictures equal diffusers' own pipelines and schedulers: same weights, prompt and noise, float32."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

from phosphene.config import StreamConfig
from phosphene.diffusion.sd.pipeline import StableDiffusion
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.stream.batch import InFlightFrame, Plan, complete
from phosphene.stream.guidance import Guidance
from tests.diffusion.sd.tools import load, load_xl, noise, pictures, plain
from tests.diffusion.sd.trees import BETAS

pytestmark = pytest.mark.usefixtures("offline")

PROMPT, NEGATIVE = "a (red cat", "cat, é"
STEPS = [1, 2, 4]


class GeneratorNoise:
    """Noise between steps as diffusers draws it: one after the other from one generator."""

    def __init__(self) -> None:
        self._random = torch.Generator().manual_seed(7)

    def __call__(self, seed: int, step: int, shape: tuple[int, ...]) -> torch.Tensor:
        return torch.randn(shape, generator=self._random)


def ours(model: StableDiffusion, steps: int, **settings: Any) -> torch.Tensor:
    """One picture through the engine, from ``noise()``."""
    negative = settings.pop("negative", None)
    plan = Plan(tuple(model.facts.schedule.steps(steps).tolist()), **settings)
    embeds = model.encode_prompt(PROMPT)
    unwanted = None if negative is None else model.encode_prompt(negative)
    in_flight = InFlightFrame(0, plan, noise(), embeds, negative=unwanted)
    return complete(in_flight, model.denoiser(), GeneratorNoise()).x


def theirs(pipe: Any, steps: int, latents: torch.Tensor, **settings: Any) -> torch.Tensor:
    return pipe(
        PROMPT,
        height=64,
        width=64,
        num_inference_steps=steps,
        latents=latents,
        output_type="latent",
        generator=torch.Generator().manual_seed(7),
        **settings,
    ).images


def close(got: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("tree", ["turbo", "xl"])
def test_turbo_and_lightning_are_euler_on_trailing_timesteps(
    trees: dict[str, Path], tree: str
) -> None:
    pipe = plain(trees[tree])
    model = (load_xl if tree == "xl" else load)(trees[tree])
    # diffusers starts with the noise of the first timestep, we with pure noise: the same start for both
    _, sigma = model.facts.schedule.levels(999)
    for steps in STEPS:
        pipe.scheduler.set_timesteps(steps)
        assert pipe.scheduler.timesteps.tolist() == model.facts.schedule.steps(steps).tolist()
        got = ours(model, steps, add_noise=False)
        close(got, theirs(pipe, steps, noise() / sigma, guidance_scale=0))


def test_lcm_with_embedded_guidance(trees: dict[str, Path]) -> None:
    from diffusers import LatentConsistencyModelPipeline

    pipe = LatentConsistencyModelPipeline.from_pipe(plain(trees["lcm"]))
    model, stronger = load(trees["lcm"]), load(trees["lcm"], lcm_guidance=3.0)
    for steps in STEPS:
        usual = theirs(pipe, steps, noise())
        close(ours(model, steps), usual)
        guided = theirs(pipe, steps, noise(), guidance_scale=3.0)
        close(ours(stronger, steps), guided)
        assert (guided - usual).abs().max() > 1e-3


@pytest.mark.parametrize("tree", ["eps", "v", "xl-base"])
def test_tcd(trees: dict[str, Path], tree: str) -> None:
    from diffusers import TCDScheduler

    pipe = plain(trees[tree])
    pipe.scheduler = TCDScheduler.from_config(pipe.scheduler.config)
    model = (load_xl if tree == "xl-base" else load)(trees[tree], family="hyper")
    seen: list[torch.Tensor] = []

    def keep(_: Any, step: int, t: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        seen.append(kwargs["latents"])
        return {}

    for gamma, steps in product((0.0, 0.3, 1.0), STEPS):
        x0 = ours(model, steps, stepper="tcd", gamma=gamma, add_noise=gamma > 0)
        seen.clear()
        last = theirs(pipe, steps, noise(), guidance_scale=0, eta=gamma, callback_on_step_end=keep)
        # diffusers stops at the noise of timestep 0, we at the clean picture: take that noise off
        x = seen[-2] if steps > 1 else noise()
        alpha, sigma = model.facts.schedule.levels(model.facts.schedule.steps(steps)[-1])
        alpha_0, sigma_0 = model.facts.schedule.levels(0)
        close(alpha_0 * x0 + sigma_0 * (x - alpha * x0) / sigma, last)


@pytest.mark.parametrize("tree", ["eps", "v", "xl-base"])
def test_guidance_with_and_without_a_negative_prompt(trees: dict[str, Path], tree: str) -> None:
    pipe = plain(trees[tree])
    model = (load_xl if tree == "xl-base" else load)(trees[tree])
    guidance = Guidance("full", 5.0)
    for negative in ("", NEGATIVE):
        got = ours(model, 4, guidance=guidance, negative=negative, add_noise=False)
        close(got, theirs(pipe, 4, noise(), guidance_scale=5.0, negative_prompt=negative or None))


def test_hyper_sds_unet_starts_at_its_own_timestep(trees: dict[str, Path]) -> None:
    from diffusers import LCMScheduler

    pipe = plain(trees["xl-base"])
    pipe.scheduler = LCMScheduler(**BETAS)
    model = load_xl(trees["xl-base"], family="hyper_unet")
    expected = pipe(
        PROMPT,
        height=64,
        width=64,
        timesteps=[800],
        guidance_scale=0,
        latents=noise(),
        output_type="latent",
    ).images
    close(ours(model, 1), expected)


@pytest.mark.parametrize("tree", ["lcm", "xl"])
def test_a_stream_batch_equals_sequential_steps(trees: dict[str, Path], tree: str) -> None:
    model = (load_xl if tree == "xl" else load)(trees[tree])
    frames = pictures(6)
    embeds = model.encode_prompt(PROMPT)
    config = StreamConfig(
        denoising_steps=3,
        strength=0.6,
        guidance_mode="self",
        guidance_scale=1.5,
        enable_temporal_coherence=False,
        stream_batch=False,
    )

    def play(batch: bool) -> list[torch.Tensor]:
        settings = config.model_copy(update={"stream_batch": batch})
        stream = StreamDiffusionPipeline(model, settings)
        out = [stream.step_latent(None, embeds, image=frame) for frame in frames]
        # the first is finished at once and stays until the second has taken its three steps
        return [out[0], *out[1 + stream.latency :], *stream.flush_latents()]

    sequential, shared = play(False), play(True)
    assert len(sequential) == len(shared) == len(frames)
    for alone, together in zip(sequential, shared, strict=True):
        close(together, alone)
    assert (sequential[0] - sequential[1]).abs().max() > 1e-2
