"""A model small enough to reason about: deterministic, nonlinear in everything it is shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from phosphene.config import DiffusionConfig, InferenceConfig
from phosphene.diffusion.base import Array, BaseDiffusionPipeline, ModelFacts
from phosphene.stream.arrays import Home, to_numpy
from phosphene.stream.batch import Denoiser
from phosphene.stream.conditioning import UNTOLD, Context
from phosphene.stream.schedule import TINY, Prediction, Schedule

# Stable Diffusion's betas, linear in their square roots (Rombach 2022)
ROOTS = np.linspace(0.00085**0.5, 0.012**0.5, 1000)
SD = Schedule(np.cumprod(1.0 - ROOTS * ROOTS, dtype=np.float64))
FLOW = Schedule.flow()
CHANNELS, SEQUENCE, HIDDEN = 3, 2, 4
BACKENDS = ("numpy", "torch", "mlx")
OTHERS = BACKENDS[1:]


def eps_weights(kind: Prediction, alpha: float, sigma: float) -> tuple[float, float]:
    """(c, d) with ``eps = c x + d prediction``: ``eps = (x - alpha x0) / sigma`` for any kind.

    ====  ============================
    kind  eps
    ====  ============================
    eps   eps
    x0    (x - alpha x0) / sigma
    v     (sigma x + alpha v) / (a2+s2)
    flow  (x + alpha v) / (alpha+sigma)
    ====  ============================
    """
    if kind == "eps":
        return 0.0, 1.0
    if kind == "x0":
        return 1.0 / max(sigma, TINY), -alpha / max(sigma, TINY)
    if kind == "v":
        power = alpha * alpha + sigma * sigma
        return sigma / power, alpha / power
    return 1.0 / (alpha + sigma), alpha / (alpha + sigma)


def home_of(backend: str) -> Home:
    if backend == "numpy":
        return Home.of(np.zeros(1, np.float32))
    if backend == "mlx":
        import mlx.core as mx

        return Home.of(mx.zeros(1))
    return Home.of(pytest.importorskip("torch").zeros(1))


def toy_predict(x: Array, t: Array, embeds: Array, context: Context = UNTOLD) -> Array:
    """Rows do not see each other, as in any diffusion model."""
    xp: Any = Home.of(x).namespace
    column = (-1, 1, 1, 1)
    prompt = xp.reshape(xp.mean(embeds, axis=(1, 2)), column)
    time = xp.reshape(t, column) / 1000
    out = xp.tanh(0.7 * x + prompt) + 0.2 * xp.roll(x, 1, axis=-1) * xp.cos(3 * time + prompt)
    if context.previous is not None:
        out = out + 0.3 * xp.sin(context.previous)
    if context.controls is not None:
        out = out + 0.1 * xp.reshape(xp.mean(context.controls, axis=1), column)
    return out


def toy_model(schedule: Schedule = SD, prediction: Prediction = "eps") -> Denoiser:
    return Denoiser(schedule, prediction, toy_predict)


class ToyPipeline(BaseDiffusionPipeline):
    """16 x 16 latents of 64 x 64 pictures; counts its model calls."""

    name = "toy"

    def __init__(self, backend: str = "numpy", dtype: str = "float32", **inference: Any) -> None:
        self.backend, self.dtype = backend, dtype
        self.calls: list[int] = []
        self.decoded = 0
        self.contexts: list[Context] = []
        super().__init__(
            DiffusionConfig(), InferenceConfig(**{"height": 64, "width": 64, **inference})
        )

    def load_model(self) -> None:
        pass

    @property
    def facts(self) -> ModelFacts:
        return ModelFacts("toy", CHANNELS, 4, 4, "eps", SD, (SEQUENCE, HIDDEN), 64)

    def asarray(self, array: np.ndarray) -> Array:
        if self.backend == "numpy":
            return array.astype(self.dtype)
        if self.backend == "mlx":
            import mlx.core as mx

            return mx.array(array, getattr(mx, self.dtype))
        import torch

        # "meta" tensors have shapes but no values: reading one raises.
        device = "meta" if self.backend == "meta" else "cpu"
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        return tensor.to(device=device, dtype=getattr(torch, self.dtype))

    def encode_prompt(self, prompt):
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        codes = [[len(text), sum(map(ord, text)) % 17] for text in prompts]
        rows = np.array(codes, np.float32)[:, None, :] / 20
        return self.asarray(np.tile(rows, (1, SEQUENCE, HIDDEN // 2)))

    def encode_image(self, frames):
        small = frames[:, ::4, ::4].astype(np.float32) / 127.5 - 1
        return self.asarray(small.transpose(0, 3, 1, 2))

    def denoise(self, latents, timesteps, embeds, context):
        self.calls.append(latents.shape[0])
        self.contexts.append(context)
        assert latents.dtype == embeds.dtype == self.asarray(np.zeros(1, np.float32)).dtype
        return toy_predict(latents, timesteps, embeds, context)

    def decode(self, latents, palettes=None):
        self.decoded += 1
        pictures = to_numpy(latents).transpose(0, 2, 3, 1)
        large = pictures.repeat(4, axis=1).repeat(4, axis=2)
        return np.clip(np.tanh(large) * 127.5 + 127.5, 0, 255).astype(np.uint8)
