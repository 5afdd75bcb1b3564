"""A model small enough to think through: its picture is its prompt, tinted by its past."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from phosphene.config import DiffusionConfig, InferenceConfig
from phosphene.diffusion.base import BaseDiffusionPipeline, ModelFacts
from phosphene.stream.schedule import Schedule


class ToyPipeline(BaseDiffusionPipeline):
    """Latents are 1/8-size RGB in -1..1; prompts are colours by their length."""

    name: ClassVar[str] = "toy"

    def load_model(self) -> None:
        self.prompts: list[str] = []

    @property
    def facts(self) -> ModelFacts:
        return ModelFacts("toy", 3, 8, 16, "flow", Schedule.flow(), (1, 3), 512)

    def asarray(self, array):
        return np.asarray(array, np.float32)

    def encode_prompt(self, prompt):
        texts = [prompt] if isinstance(prompt, str) else list(prompt)
        self.prompts += texts
        angles = np.array([[len(text) + k for k in range(3)] for text in texts], np.float32)
        return np.sin(angles)[:, None, :]

    def encode_image(self, frames):
        small = frames[:, ::8, ::8].astype(np.float32) / 127.5 - 1
        return np.moveaxis(small, -1, 1)

    def denoise(self, latents, timesteps, embeds, context):
        colour = np.broadcast_to(embeds[:, 0, :, None, None], latents.shape)
        past = colour if context.previous is None else context.previous
        x0 = np.tanh(0.5 * colour + 0.3 * past + 0.2 * latents)
        return (latents - x0) / np.asarray(timesteps)[:, None, None, None]

    def decode(self, latents):
        rgb = np.clip((np.moveaxis(latents, 1, -1) + 1) * 127.5, 0, 255).astype(np.uint8)
        return rgb.repeat(8, axis=1).repeat(8, axis=2)


def toy(size: int = 64) -> ToyPipeline:
    """A toy of ``size`` x ``size`` pixels."""
    return ToyPipeline(DiffusionConfig(), InferenceConfig(height=size, width=size))
