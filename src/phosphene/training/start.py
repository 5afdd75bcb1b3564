"""Weights to start from: the networks of a weights folder, such as those that ship, back into torch."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from phosphene.diffusion.lsd.modules.read import parameters
from phosphene.diffusion.lsd.networks import DENOISER, SHARPENER
from phosphene.errors import ConfigError


def shipped(weights: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The weights of denoiser and sharpener by their names in torch.

    Raises :class:`~phosphene.errors.ConfigError` for a folder without them, or with networks of before
    fields.
    """
    for name in (DENOISER, SHARPENER):
        if not (weights / name).is_file():
            raise ConfigError(f"{weights} holds no {name} to start from.")
    return parameters(weights / DENOISER), parameters(weights / SHARPENER)
