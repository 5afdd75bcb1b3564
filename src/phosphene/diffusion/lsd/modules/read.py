"""Networks out of their files: what `phosphene.training.export` wrote, back in torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from phosphene.diffusion.lsd.modules.condition import ConditionConfig
from phosphene.diffusion.lsd.modules.diffusion import DiffusionConfig
from phosphene.diffusion.lsd.modules.lsd import LSD, LSDConfig
from phosphene.diffusion.lsd.modules.sharpener import Sharpener, SharpenerConfig
from phosphene.errors import ModelError

HALF = "_f16"
"""ends the name of what is stored in float16"""
SIZES = "sizes"
"""under which a file says the sizes of its network"""


def read_lsd(path: Path) -> LSD:
    """The denoiser of a file, frozen. Raises ModelError for a file that holds another network."""
    sizes = read_sizes(path)
    try:
        parts: dict[str, Any] = dict(sizes["diffusion"])
        for name in ("widths", "blocks"):
            parts[name] = tuple(parts[name])
        diffusion = DiffusionConfig(**parts)
        condition = ConditionConfig(**sizes["condition"])
        net = LSD(LSDConfig(diffusion, condition, sizes["consistency"]))
        net.load_state_dict(parameters(path))
    except (KeyError, TypeError, RuntimeError) as error:
        raise ModelError(_unlike(path)) from error
    return net.eval().requires_grad_(False)


def read_sharpener(path: Path) -> Sharpener:
    """The sharpener of a file, frozen. Raises ModelError for a file that holds another network."""
    try:
        net = Sharpener(SharpenerConfig(**read_sizes(path)))
        net.load_state_dict(parameters(path))
    except (TypeError, RuntimeError) as error:
        raise ModelError(_unlike(path)) from error
    return net.eval().requires_grad_(False)


def parameters(path: Path) -> dict[str, Tensor]:
    """What a network learned: the initialisers of its file keep torch's names."""
    found = {}
    for tensor in onnx.load(str(path)).graph.initializer:
        # others are the exporter's own constants
        if "::" not in tensor.name:
            name = tensor.name.removesuffix(HALF)
            # a copy: the array may lie in the file's own memory
            found[name] = torch.tensor(numpy_helper.to_array(tensor)).float()
    return found


def read_sizes(path: Path) -> dict[str, Any]:
    """The configuration of a file's network. Raises ModelError for a file that does not say it."""
    told = {each.key: each.value for each in onnx.load(str(path)).metadata_props}
    if SIZES not in told:
        raise ModelError(_unlike(path))
    sizes: dict[str, Any] = json.loads(told[SIZES])
    return sizes


def _unlike(path: Path) -> str:
    return (
        f"{path} is no network of this version: export it again with `phosphene train --export`, or run"
        " the built-in model on the cpu."
    )
