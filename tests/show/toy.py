"""A model small enough to think through: its picture is its prompt, tinted by its past."""

from __future__ import annotations

from typing import Any, ClassVar

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

    def decode(self, latents, palettes=None):
        rgb = np.clip((np.moveaxis(latents, 1, -1) + 1) * 127.5, 0, 255).astype(np.uint8)
        return rgb.repeat(8, axis=1).repeat(8, axis=2)


def toy(size: int = 64) -> ToyPipeline:
    """A toy of ``size`` x ``size`` pixels."""
    return ToyPipeline(DiffusionConfig(), InferenceConfig(height=size, width=size))


class FieldPipeline(BaseDiffusionPipeline):
    """Draws fields: two planes of a size of its own, and colours that come after.

    A prompt's place in the palette is its first letter, its colours run from black to a grey.
    """

    name: ClassVar[str] = "fields"

    def load_model(self) -> None:
        self.guides: list[np.ndarray | None] = []

    @property
    def facts(self) -> ModelFacts:
        return ModelFacts("fields", 2, 8, 8, "flow", Schedule.flow(), (1, 1), 2048)

    def get_latent_shape(self, batch=1):
        return (batch, 2, 4, 6)

    def asarray(self, array):
        return np.asarray(array, np.float32)

    def encode_prompt(self, prompt):
        texts = [prompt] if isinstance(prompt, str) else list(prompt)
        places = [(ord(text[0]) - 96) / 27 for text in texts]
        return np.array(places, np.float32)[:, None, None]

    def palettes(self, prompts):
        tops = np.array([len(text) for text in prompts], np.float32)
        ramp = np.linspace(0, 1, 256, dtype=np.float32)
        return tops[:, None, None] * ramp[None, :, None] * np.ones(3, np.float32)

    def encode_image(self, frames):
        return np.zeros(self.get_latent_shape(len(frames)), np.float32)

    def denoise(self, latents, timesteps, embeds, context):
        place = np.broadcast_to(embeds[:, 0, :, None, None], latents.shape)
        return (latents - place) / np.asarray(timesteps)[:, None, None, None]

    def recall(self, embeds, variant=0, pose=None, motion=0.0, controls=None, **change):
        self.guides.append(controls)
        return

    def decode(self, latents, palettes=None):
        assert palettes is not None and palettes.shape == (len(latents), 256, 3)
        places = np.clip(latents[:, 0] * 255, 0, 255).astype(int)
        rows = [palette[place] for palette, place in zip(palettes, places, strict=True)]
        size = self.inference_config
        picture = np.stack(rows)
        tall = picture.repeat(-(-size.height // 4), axis=1)[:, : size.height]
        return tall.repeat(-(-size.width // 6), axis=2)[:, :, : size.width].astype(np.uint8)


def field_toy(width: int = 64, height: int = 64) -> FieldPipeline:
    """A model of fields that draws ``width`` x ``height`` pixels."""
    return FieldPipeline(DiffusionConfig(), InferenceConfig(height=height, width=width))


class Stopped(Exception):
    """The power fails."""


def failing(base: Any, after: int) -> Any:
    """``base``, which draws so many pictures and no more."""
    decode, drawn = base.decode, []

    def decoded(latents: Any, palettes: Any = None) -> Any:
        drawn.append(len(latents))
        if sum(drawn) > after:
            raise Stopped
        return decode(latents, palettes)

    base.decode = decoded
    return base
