"""What the tests of Stable Diffusion share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from phosphene.config import DiffusionConfig, InferenceConfig
from phosphene.diffusion.sd.pipeline import StableDiffusion
from phosphene.diffusion.sd.sd15 import SD15Pipeline
from phosphene.diffusion.sd.sdxl import SDXLPipeline
from phosphene.stream.conditioning import Context

# nets this small only lose time to a second thread
torch.set_num_threads(1)

SIZE = InferenceConfig(height=64, width=64)
ALONE = Context()


def load(model: Path | str, **settings: Any) -> SD15Pipeline:
    chosen = {"use_tiny_vae": False, "device": "cpu"} | settings
    return SD15Pipeline(DiffusionConfig(model="sd15", model_id=str(model), **chosen), SIZE)


def load_xl(model: Path | str, **settings: Any) -> SDXLPipeline:
    chosen = {"use_tiny_vae": False, "device": "cpu"} | settings
    return SDXLPipeline(DiffusionConfig(model="sdxl", model_id=str(model), **chosen), SIZE)


def plain(tree: Path) -> Any:
    """diffusers' own pipeline with the same weights."""
    from diffusers import DiffusionPipeline

    pipe = DiffusionPipeline.from_pretrained(tree)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def noise(batch: int = 1, seed: int = 0) -> torch.Tensor:
    return torch.randn((batch, 4, 8, 8), generator=torch.Generator().manual_seed(seed))


def pictures(batch: int = 2) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (batch, 64, 64, 3), np.uint8)


def predict(pipeline: StableDiffusion, t: float = 700.0) -> torch.Tensor:
    return pipeline.denoise(noise(), torch.tensor([t]), pipeline.encode_prompt("red"), ALONE)


def assert_same(one: torch.Tensor, other: torch.Tensor) -> None:
    """Equal up to the last bits, which depend on where in memory a copy of the weights lies."""
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def assert_same_frames(one: np.ndarray, other: np.ndarray) -> None:
    """uint8 pictures that differ by a rounding at most."""
    assert np.abs(one.astype(int) - other.astype(int)).max() <= 1


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "phosphene"]
