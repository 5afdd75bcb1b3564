"""Many users of one loaded model, each with sizes and seeds of its own."""

from __future__ import annotations

import numpy as np

from phosphene.config import InferenceConfig, StreamConfig
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.stream.noise import gaussian
from tests.stream.toy import CHANNELS, ToyPipeline


def test_a_view_has_a_size_of_its_own():
    base = ToyPipeline()
    view = base.view(InferenceConfig(width=128, height=96, seed=7))
    assert type(view) is ToyPipeline
    assert view.get_latent_shape() == (1, CHANNELS, 24, 32)
    assert base.get_latent_shape() == (1, CHANNELS, 16, 16)
    view.inference_config.width = 64
    assert base.inference_config.width == 64
    assert base.inference_config.seed == 0


def test_a_view_shares_the_model():
    base = ToyPipeline()
    view = base.view(InferenceConfig(width=64, height=64))
    assert view.calls is base.calls


def test_an_encoded_picture_does_what_the_picture_does():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    latents = []
    for given in ({"image": image}, {"source": ToyPipeline().encode_image(image[None])}):
        stream = StreamDiffusionPipeline(ToyPipeline(), StreamConfig(strength=0.5))
        noise = gaussian(1, 0, 0, (1, CHANNELS, 16, 16))
        latents.append(stream.step_latent(noise, stream.encode_prompt("x"), **given))
    np.testing.assert_array_equal(*latents)
