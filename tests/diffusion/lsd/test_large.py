"""Large pictures: the latents of small ones, drawn at twice the size."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from phosphene.config import InferenceConfig, PipelineConfig
from phosphene.diffusion.lsd.nets import WEIGHTS
from phosphene.diffusion.lsd.networks import LARGE
from phosphene.diffusion.lsd.pipeline import LSDPipeline, halve
from phosphene.errors import InputError
from phosphene.metrics import sharpness


def model(width: int, height: int, weights: Path | None = None) -> LSDPipeline:
    config = PipelineConfig(inference=InferenceConfig(width=width, height=height))
    config.diffusion.model_id = None if weights is None else str(weights)
    return LSDPipeline(config.diffusion, config.inference)


@pytest.fixture(scope="module")
def small_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks without the large decoder, as older trainings wrote them."""
    folder = tmp_path_factory.mktemp("small") / "weights"
    shutil.copytree(WEIGHTS, folder, ignore=shutil.ignore_patterns(LARGE))
    return folder


def test_a_large_picture_has_the_latents_of_its_half() -> None:
    assert model(512, 512).get_latent_shape() == (1, 8, 32, 32)
    assert model(896, 512).get_latent_shape() == (1, 8, 32, 56)
    assert model(448, 256).get_latent_shape() == (1, 8, 32, 56)


def test_it_is_the_same_picture_with_finer_edges() -> None:
    small, large = model(256, 256), model(512, 512)
    embeds = small.encode_prompt("green cells")
    latents = small.recall(embeds)
    assert np.array_equal(latents, large.recall(embeds))
    usual, fine = small.decode(latents), large.decode(latents)
    assert fine.shape == (1, 512, 512, 3)
    error = np.mean((halve(fine).astype(float) - usual.astype(float)) ** 2)
    assert 10 * np.log10(255**2 / error) > 25
    enlarged = Image.fromarray(usual[0]).resize((512, 512), Image.Resampling.BICUBIC)
    assert sharpness(fine[0]) > sharpness(np.asarray(enlarged))


def test_input_pictures_are_seen_at_half_their_size() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), np.uint8)
    frames = frames.repeat(32, axis=1).repeat(32, axis=2)
    large = model(512, 512).encode_image(frames)
    assert large.shape == (2, 8, 32, 32)
    assert np.array_equal(large, model(256, 256).encode_image(frames[:, ::2, ::2]))


def test_halving_takes_means() -> None:
    frames = np.random.default_rng(1).integers(0, 256, (3, 64, 96, 3), np.uint8)
    wanted = frames.reshape(3, 32, 2, 48, 2, 3).mean(axis=(2, 4))
    assert np.abs(halve(frames) - wanted).max() <= 0.5


def test_a_size_changed_under_way_changes_the_facts_with_it() -> None:
    base = model(512, 512)
    view = base.view(base.inference_config.model_copy())
    view.inference_config.width = view.inference_config.height = 320
    assert (base.facts.latent_factor, base.facts.min_size) == (16, 384)
    assert (view.facts.latent_factor, view.facts.min_size) == (8, 192)


def test_sizes_that_cannot_be_drawn_large_are_refused() -> None:
    with pytest.raises(InputError, match="multiples of 32"):
        model(528, 512)


def test_networks_without_a_large_decoder_draw_as_before(small_only: Path) -> None:
    base = model(528, 512, small_only)
    assert base.get_latent_shape() == (1, 8, 64, 66)
    assert base.facts.max_size == 512


def test_large_is_the_default_where_it_can_be(small_only: Path) -> None:
    config, plain = PipelineConfig(), PipelineConfig()
    LSDPipeline.suggest(config)
    assert (config.inference.width, config.inference.height) == (512, 512)
    plain.diffusion.model_id = str(small_only)
    LSDPipeline.suggest(plain)
    assert (plain.inference.width, plain.inference.height) == (256, 256)
