"""What the kernels compute, in plain torch: the meaning, the fallback, and what torch.compile is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

EMPTY = -1e4
"""score of a key in an empty memory slot; the built-in model was trained with it"""


@dataclass(frozen=True)
class Remembered:
    """What a frame's queries look at; the keys of one softmax, in this order. Width is heads x depth."""

    nothing: tuple[Tensor, Tensor]
    """key and value (width,) of a token that stands for nothing"""
    own: tuple[Tensor, Tensor]
    """(b n width) of the frame itself"""
    past: tuple[Tensor, Tensor]
    """(b p width) of m slots, p / m tokens each"""
    age: Tensor
    """(b m) frames since each slot was written; 0 or less is an empty one"""


def blend_pack(pixels: Tensor, previous: Tensor | None = None, keep: float = 0.0) -> Tensor:
    """Pixels (b 3 h w), picture in -1..1, as uint8 RGB (b h w 3), blended with what was shown before.

    ``keep`` 0..1 of ``previous`` (b h w 3) uint8 stays. Halves are rounded to even.
    """
    import torch

    levels = pixels.float() * 127.5 + 127.5
    levels = levels.clamp(0.0, 255.0).permute(0, 2, 3, 1)
    if previous is not None and keep:
        levels = levels * (1.0 - keep) + previous.float() * keep
    return levels.round().to(torch.uint8).contiguous()


def stream_step(
    x: Tensor, wanted: Tensor, noise: Tensor, weights: Tensor, negative: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """One denoising step of a stream batch, and every frame moves on by one slot.

    Any scheduler's step is linear in its tensors, so n slots need n rows of ``weights`` (n 4): factors on
    ``x``, ``wanted``, ``negative`` and ``noise``. The last slot's frame is finished.

    Args:
        x: (n c h w) float32 noisy latents, the noisiest slot first.
        wanted: (n c h w) predictions with the prompt, any float type.
        noise: (n c h w) float32 to add on the way to the next slot.
        negative: (n c h w) predictions with the negative prompt.

    Returns:
        (n - 1, c h w) latents of the slots 1.., and (1 c h w) the finished one; float32.
    """
    columns = weights[:, :, None, None, None].unbind(1)
    moved = columns[0] * x + columns[1] * wanted.float() + columns[3] * noise
    if negative is not None:
        moved = moved + columns[2] * negative.float()
    return moved[:-1], moved[-1:]


def memory_readout(query: Tensor, seen: Remembered, heads: int) -> Tensor:
    """Attention (b n width) of a frame to itself and to pictures of long ago, in one softmax."""
    import torch

    b, _, width = query.shape
    rows = [torch.stack(pair) for pair in (seen.own, seen.past)]
    nothing = torch.stack(seen.nothing)[:, None, None].expand(2, b, 1, width)
    key, value = torch.cat((nothing, *rows), dim=2)
    past, slots = seen.past[0].shape[1], seen.age.shape[1]
    empty = (seen.age <= 0).float().repeat_interleave(past // slots, dim=1) * EMPTY
    bias = torch.nn.functional.pad(empty, (key.shape[1] - past, 0))[:, None, None]

    def split(z: Tensor) -> Tensor:
        return z.reshape(b, z.shape[1], heads, -1).transpose(1, 2)

    q, k, v = split(query), split(key), split(value)
    score = (q @ k.transpose(-1, -2)).float() * (width // heads) ** -0.5 + bias
    seen_values: Tensor = (score.softmax(-1).to(v.dtype) @ v).transpose(1, 2).flatten(2)
    return seen_values


def norm_silu_film(
    x: Tensor,
    groups: int,
    affine: tuple[Tensor, Tensor] | None = None,
    film: tuple[Tensor, Tensor] | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """SiLU of a group norm (b c h w), after ``affine`` (c,) and ``film`` (b c): each a scale and a shift."""
    import torch

    weight, bias = affine if affine is not None else (None, None)
    normed = torch.nn.functional.group_norm(x, groups, weight, bias, eps)
    if film is not None:
        scale, shift = film
        normed = normed * scale[:, :, None, None] + shift[:, :, None, None]
    return torch.nn.functional.silu(normed)
