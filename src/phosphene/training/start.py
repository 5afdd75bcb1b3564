"""Weights to start from: the networks of a weights folder, such as those that ship, back into torch."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from phosphene.diffusion.lsd.networks import DENOISER, SHARPENER
from phosphene.errors import ConfigError
from phosphene.training.export import HALF


def shipped(weights: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The weights of denoiser and sharpener by their names in torch.

    Raises :class:`~phosphene.errors.ConfigError` for a folder without them, or with networks of before
    fields.
    """
    for name in (DENOISER, SHARPENER):
        if not (weights / name).is_file():
            raise ConfigError(f"{weights} holds no {name} to start from.")
    return parameters(weights / DENOISER), parameters(weights / SHARPENER)


def parameters(path: Path) -> dict[str, Tensor]:
    """What a network of `export.export` learned: its initialisers keep torch's names."""
    import onnx
    from onnx import numpy_helper

    found = {}
    for tensor in onnx.load(str(path)).graph.initializer:
        # others are the exporter's own constants
        if "::" not in tensor.name:
            name = tensor.name.removesuffix(HALF)
            # a copy: the array may lie in the file's own memory
            found[name] = torch.tensor(numpy_helper.to_array(tensor)).float()
    return found
