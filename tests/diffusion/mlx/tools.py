"""What the tests of the MLX pipelines share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from phosphene.config import DiffusionConfig, InferenceConfig
from phosphene.diffusion.base import BaseDiffusionPipeline
from phosphene.diffusion.mlx.pipeline import MlxStableDiffusion
from phosphene.diffusion.registry import load_pipeline
from phosphene.stream.conditioning import Context
from tests.diffusion.sd.trees import make_tree, make_xl_tree

SIZE = InferenceConfig(height=64, width=64)
# nets this small only lose time to a second thread
torch.set_num_threads(1)

FAMILIES = ("eps", "v", "turbo", "lcm", "xl")
"""SD 1.5, SD 2 of v-prediction, SD-Turbo, an LCM, SDXL"""


def make_trees(root: Path) -> dict[str, Path]:
    """One tiny folder a family, each with a tiny autoencoder; widths that can be quantised."""
    wide: dict[str, Any] = {"block_out_channels": (32, 64)}
    return {
        "eps": make_tree(root / "eps", tiny_vae=True, **wide),
        # as SD 2: a number of heads for every stage, and linear projections
        "v": make_tree(
            root / "v", "v", True, attention_head_dim=(2, 4), use_linear_projection=True
        ),
        "turbo": make_tree(root / "turbo", "turbo", True, layers_per_block=2),
        "lcm": make_tree(root / "lcm", "lcm", True),
        "xl": make_xl_tree(root / "xl", "turbo", tiny_vae=True),
    }


def load(tree: Path | str, device: str, **settings: Any) -> BaseDiffusionPipeline:
    """A pipeline as every command loads it."""
    return load_pipeline(DiffusionConfig(model=str(tree), device=device, **settings), SIZE)


def load_mlx(tree: Path | str, **settings: Any) -> MlxStableDiffusion:
    found = load(tree, "mlx", **settings)
    assert isinstance(found, MlxStableDiffusion)
    return found


def noise(batch: int = 1, height: int = 8, width: int = 8) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(batch, 4, height, width)).astype(np.float32)


def predict(base: BaseDiffusionPipeline, t: float = 700.0, prompt: str = "red") -> np.ndarray:
    """One call, by the contract alone."""
    given = base.asarray(noise())
    out = base.denoise(
        given, base.asarray(np.array([t], np.float32)), base.encode_prompt(prompt), Context()
    )
    return np.asarray(out)


def off(got: Any, expected: Any) -> float:
    """Largest difference, as a share of the largest number."""
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    assert got.shape == expected.shape
    return float(np.abs(got - expected).max() / np.abs(expected).max())


def relative(got: Any, expected: Any) -> float:
    """Norm of the difference, as a share of the norm."""
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    return float(np.linalg.norm(got - expected) / np.linalg.norm(expected))
