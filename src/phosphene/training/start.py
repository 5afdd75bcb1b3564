"""Weights to start from: the networks of a weights folder, such as those that ship, back into torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from phosphene.diffusion.lsd.modules.read import parameters
from phosphene.diffusion.lsd.networks import DENOISER, SHARPENER
from phosphene.errors import ConfigError

READER = "reader.npz"
"""what says which plan a field has: of use in training alone, see `modules.plan`"""

Weights = dict[str, Tensor]
"""by their names in torch"""


@dataclass(frozen=True)
class Shipped:
    """What a weights folder holds of the networks."""

    denoiser: Weights
    sharpener: Weights
    reader: Weights


def shipped(weights: Path) -> Shipped:
    """The networks of a folder.

    Raises :class:`~phosphene.errors.ConfigError` for a folder without them, or with networks of before
    fields.
    """
    for name in (DENOISER, SHARPENER, READER):
        if not (weights / name).is_file():
            raise ConfigError(f"{weights} holds no {name} to start from.")
    with np.load(weights / READER) as stored:
        reader = {name: torch.from_numpy(stored[name]).float() for name in stored.files}
    return Shipped(parameters(weights / DENOISER), parameters(weights / SHARPENER), reader)


def keep_reader(reader: Weights, weights: Path) -> None:
    """Write a reader to a folder, in half precision."""
    half: dict[str, Any] = {name: value.half().numpy() for name, value in reader.items()}
    np.savez(weights / READER, **half)
