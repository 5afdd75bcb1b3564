"""Plain torch or the kernels: one table, chosen once."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from phosphene.kernels import reference

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Operations:
    """The four operations, however they are run; see :mod:`phosphene.kernels.reference`."""

    blend_pack: Callable[..., Tensor]
    stream_step: Callable[..., tuple[Tensor, Tensor]]
    memory_readout: Callable[..., Tensor]
    norm_silu_film: Callable[..., Tensor]


PLAIN = Operations(
    reference.blend_pack,
    reference.stream_step,
    reference.memory_readout,
    reference.norm_silu_film,
)


def obstacle(device: torch.device) -> str:
    """Why the kernels cannot run on ``device``; empty if they can."""
    if device.type != "cuda":
        return "they need an NVIDIA GPU"
    if importlib.util.find_spec("triton") is None:
        return "they need the package triton (pip install 'phosphene[gpu]')"
    return ""


def fused() -> Operations:
    """The kernels."""
    from phosphene.kernels.norm import norm_silu_film
    from phosphene.kernels.pack import blend_pack
    from phosphene.kernels.readout import memory_readout
    from phosphene.kernels.step import stream_step

    return Operations(blend_pack, stream_step, memory_readout, norm_silu_film)
