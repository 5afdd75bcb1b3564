"""Attention with its projections in one: of a frame's query, key and value, and of all that a prompt tells.

A prompt's keys and values depend on nothing else, so one matrix product makes those of all layers, once per
prompt; the U-Net is given them in place of the embedding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phosphene.diffusion.notices import say_once
from phosphene.diffusion.sd.unet import Nets

if TYPE_CHECKING:
    import torch


def use(nets: Nets) -> None:
    """Fuse in place; weights are moved together, not copied."""
    import torch

    layers = {
        name: nets.unet.get_submodule(name.removesuffix(".processor")) for name in _names(nets)
    }
    if any(part.bias is not None for each in layers.values() for part in _parts(each)):
        say_once("fuse_attention is off: the attention of this U-Net has biases.")
        return
    own = {name: layer for name, layer in layers.items() if ".attn1." in name}
    crossing = {name: layer for name, layer in layers.items() if ".attn2." in name}
    told = together([part for layer in crossing.values() for part in _parts(layer)[1:]])
    processors: dict[str, Any] = {
        name: FusedSelf(together(list(_parts(layer)))) for name, layer in own.items()
    }
    first = 0
    for name, layer in crossing.items():
        width = layer.to_k.weight.shape[0]
        processors[name] = PromptCross(first, width)
        first += 2 * width
    nets.unet.set_attn_processor(processors)

    def project(embeds: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.linear(embeds, told)

    nets.prompt = project


def together(parts: list[Any]) -> torch.Tensor:
    """Weights (out, in) of linear layers as one; the layers keep theirs as views of it."""
    import torch

    whole = torch.cat([part.weight.data for part in parts])
    pieces = torch.split(whole, [part.weight.shape[0] for part in parts])
    for part, piece in zip(parts, pieces, strict=True):
        part.weight.data = piece
    return whole


def _names(nets: Nets) -> list[str]:
    return list(nets.unet.attn_processors)


def _parts(layer: Any) -> tuple[Any, Any, Any]:
    return layer.to_q, layer.to_k, layer.to_v


@dataclass
class FusedSelf:
    """A diffusers attention processor with one projection (3 width, width)."""

    weight: torch.Tensor

    def __call__(self, attn: Any, hidden_states: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        """(b tokens width) -> the same shape."""
        import torch

        projected = torch.nn.functional.linear(hidden_states, self.weight)
        query, key, value = projected.chunk(3, dim=-1)
        return attend(attn, query, key, value)


@dataclass
class PromptCross:
    """A diffusers attention processor that is given keys and values in place of an embedding."""

    first: int
    """column where this layer's keys begin; its values come after"""
    width: int

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        *_: Any,
        **__: Any,
    ) -> torch.Tensor:
        """(b tokens width) -> the same shape."""
        own = encoder_hidden_states[..., self.first : self.first + 2 * self.width]
        key, value = own.chunk(2, dim=-1)
        return attend(attn, attn.to_q(hidden_states), key, value)


def attend(attn: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Attention (b tokens width) of projected tokens, and the layer's projection out."""
    out: torch.Tensor = attn.to_out[0](look(attn.heads, query, key, value))
    return out


def look(heads: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Attention of projected tokens -> (b tokens width)."""
    import torch

    def split(z: torch.Tensor) -> torch.Tensor:
        return z.reshape(*z.shape[:2], heads, -1).transpose(1, 2)

    seen = torch.nn.functional.scaled_dot_product_attention(split(query), split(key), split(value))
    return seen.transpose(1, 2).flatten(2)
