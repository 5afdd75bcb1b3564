"""Which device draws, and why; nothing heavy is imported before it must be."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Literal

from phosphene.config import DeviceName
from phosphene.errors import MissingExtraError

Device = Literal["cuda", "mps", "mlx", "cpu"]


@dataclass(frozen=True)
class Choice:
    """A device, and the reason for it."""

    device: Device
    why: str


def choose(asked: DeviceName) -> Choice:
    """The device that large models (Stable Diffusion) run on.

    auto never takes MLX while there is torch: which of the two is faster on a Mac was not measured.
    """
    if asked == "mlx":
        return Choice("mlx", "asked for")
    if importlib.util.find_spec("torch") is None:
        if asked == "auto" and has_mlx() and mlx_on_gpu():
            return Choice("mlx", "torch is not installed, MLX is and finds a GPU")
        return Choice("cpu", "torch is not installed, which Stable Diffusion needs here")
    import torch

    present: dict[Device, bool] = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if asked == "auto":
        found = next(name for name, there in present.items() if there)
        why = "torch finds neither cuda nor mps" if found == "cpu" else f"torch finds {found}"
        return Choice(found, why)
    if not present[asked]:
        return Choice("cpu", f"torch finds no {asked} on this machine")
    return Choice(asked, "asked for")


def has_mlx() -> bool:
    """Whether the package is installed."""
    return importlib.util.find_spec("mlx") is not None


def require_mlx() -> None:
    """Raise MissingExtraError where MLX is not installed."""
    if not has_mlx():
        raise MissingExtraError("device mlx", "mlx")


def mlx_on_gpu() -> bool:
    """Whether MLX computes on a GPU: Apple's, or NVIDIA's with its own package."""
    import mlx.core as mx

    return bool(mx.default_device() == mx.gpu)
