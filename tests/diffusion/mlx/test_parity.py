"""MLX and torch draw the same with the same weights, in float32, for every family."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from phosphene.config import StreamConfig
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.stream.arrays import to_numpy
from phosphene.stream.conditioning import Context
from tests.diffusion.mlx.tools import load, load_mlx, noise, off, predict, relative

pytestmark = pytest.mark.usefixtures("offline")

TOLERANCE = 1e-4
PROMPTS = ["a red cat", "", "a (red:1.4) cat, (é:0.5)", "red " * 30]


def test_prompts(pair: tuple[Any, Any]) -> None:
    theirs, ours = pair
    assert ours.facts.embed_shape == theirs.facts.embed_shape
    assert ours.supports_pooled_embeds() == theirs.supports_pooled_embeds()
    for prompt in PROMPTS:
        expected = theirs.encode_prompt(prompt).numpy()
        if expected.any():
            assert off(ours.encode_prompt(prompt), expected) < TOLERANCE
        else:
            assert not np.asarray(ours.encode_prompt(prompt)).any()


# the second size is odd at every level: rounded up on the way down, cut on the way up
@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 7)])
def test_predictions(pair: tuple[Any, Any], height: int, width: int) -> None:
    theirs, ours = pair
    latents, times = noise(2, height, width), np.array([999.0, 20.5], np.float32)
    prompts = ["red", "a blue cat"]
    expected = theirs.denoise(
        torch.tensor(latents), torch.tensor(times), theirs.encode_prompt(prompts), Context()
    )
    got = ours.denoise(
        ours.asarray(latents), ours.asarray(times), ours.encode_prompt(prompts), Context()
    )
    assert off(got, expected.numpy()) < TOLERANCE


def test_pictures_there_and_back(pair: tuple[Any, Any]) -> None:
    theirs, ours = pair
    frames = np.random.default_rng(0).integers(0, 256, (2, 64, 48, 3), np.uint8)
    assert off(ours.encode_image(frames), theirs.encode_image(frames).numpy()) < TOLERANCE
    drawn = ours.decode(ours.asarray(noise(2, 6, 8))).astype(int)
    assert drawn.shape == (2, 48, 64, 3)
    # a number that falls right between two grey levels may be rounded either way
    assert np.abs(drawn - theirs.decode(torch.tensor(noise(2, 6, 8)))).max() <= 1


def test_facts(pair: tuple[Any, Any]) -> None:
    theirs, ours = (one.facts for one in pair)
    for name in ("latent_channels", "latent_factor", "size_multiple", "prediction", "max_size"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert pair[0].family == pair[1].family
    for steps in (1, 2, 4):
        np.testing.assert_array_equal(ours.schedule.steps(steps), theirs.schedule.steps(steps))
    times = np.linspace(0, 999, 50)
    for one, other in zip(
        ours.schedule.alpha_sigma(times), theirs.schedule.alpha_sigma(times), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_streams(pair: tuple[Any, Any]) -> None:
    config = StreamConfig(denoising_steps=3, guidance_mode="full", guidance_scale=2.0)
    shown = []
    for base in pair:
        stream = StreamDiffusionPipeline(base, config)
        embeds = stream.encode_prompt("red")
        latents = [stream.step_latent(noise(), embeds) for _ in range(4)]
        shown.append([np.asarray(latent) for latent in [*latents, *stream.flush_latents()]])
    for theirs, ours in zip(*shown, strict=True):
        # errors add up over frames that feed on each other
        assert off(ours, theirs) < 10 * TOLERANCE


def test_scale_of_embedded_guidance(mlx_trees: Any) -> None:
    tree = mlx_trees["lcm"]
    usual = predict(load_mlx(tree))
    for scale in (1.0, 3.0):
        got = predict(load_mlx(tree, lcm_guidance=scale))
        assert off(got, predict(load(tree, "cpu", lcm_guidance=scale))) < TOLERANCE
        assert off(got, usual) > 10 * TOLERANCE


# a GPU computes in float16 unless told otherwise
@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 0.01), ("bfloat16", 0.05)])
@pytest.mark.parametrize("family", ["lcm", "xl"])
def test_half_precision(mlx_trees: Any, family: str, dtype: str, tolerance: float) -> None:
    exact, half = (load_mlx(mlx_trees[family], dtype=kind) for kind in ("float32", dtype))
    frame = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    shown = []
    for base in (exact, half):
        stream = StreamDiffusionPipeline(base, StreamConfig(strength=0.5))
        embeds = stream.encode_prompt("red")
        latents = [stream.step_latent(noise(), embeds, image=frame) for _ in range(2)]
        assert latents[0].dtype == base.asarray(noise()).dtype
        shown.append([to_numpy(latent) for latent in latents])
        assert base.decode(latents[-1]).shape == (1, 64, 64, 3)
        stream.restore_state(stream.dump_state())
    for expected, got in zip(*shown, strict=True):
        assert 0 < relative(got, expected) < tolerance
