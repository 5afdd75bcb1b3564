"""Small settings for small models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from phosphene.config import PipelineConfig, VideoConfig
from tests.show.toy import ToyPipeline


class Drawer(ToyPipeline):
    """A toy whose picture is its input, tinted by its prompt and grained by its noise."""

    def encode_image(self, frames):
        b, h, w, _ = frames.shape
        blocks = frames.reshape(b, h // 8, 8, w // 8, 8, 3).mean(axis=(2, 4), dtype=np.float32)
        return np.moveaxis(blocks / 127.5 - 1, -1, 1)

    def decode(self, latents, palettes=None):
        return super().decode(latents + np.float32(0.5 / 127.5))

    def denoise(self, latents, timesteps, embeds, context):
        colour = np.broadcast_to(embeds[:, 0, :, None, None], latents.shape)
        x0 = np.tanh(0.8 * latents + 0.2 * colour)
        return (latents - x0) / np.asarray(timesteps)[:, None, None, None]


@pytest.fixture
def config() -> PipelineConfig:
    """Half-second segments, lossless, 64 x 64."""
    made = PipelineConfig(video=VideoConfig(segment_seconds=0.5, crf=0, encoder_preset="ultrafast"))
    made.inference.width = made.inference.height = 64
    made.transform.steps = 2
    made.transform.batch = 3
    made.transform.detail = 0.5
    made.stream.add_noise = False
    return made


def drawer(config: PipelineConfig, **_: Any) -> Drawer:
    return Drawer(config.diffusion, config.inference.model_copy())
