"""Group norm, SiLU and FiLM in one kernel: one group of one picture a program, in either memory layout."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

BLOCK_SIZE = 2048


@triton.jit
def _place(e, area, channels, first, SHARE: tl.constexpr, LAST: tl.constexpr):
    """(where it lies in the picture, its channel) of element ``e`` of a group of ``SHARE`` channels."""
    if LAST:
        channel = first + e % SHARE
        return (e // SHARE) * channels + channel, channel
    channel = first + e // area
    return first * area + e, channel


@triton.jit
def norm_kernel(
    x,
    weight,
    bias,
    scale,
    shift,
    out,
    channels,
    groups,
    area,
    film_stride,
    eps,
    AFFINE: tl.constexpr,
    FILM: tl.constexpr,
    SHARE: tl.constexpr,
    LAST: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Mean, then spread, then the result: two passes are exact where sums of squares are not."""
    batch, group = tl.program_id(0) // groups, tl.program_id(0) % groups
    count, first = SHARE * area, group * SHARE
    x += batch * channels * area
    out += batch * channels * area
    lanes = tl.arange(0, BLOCK)
    total = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, count, BLOCK):
        e = start + lanes
        at, _ = _place(e, area, channels, first, SHARE, LAST)
        total += tl.load(x + at, mask=e < count, other=0.0).to(tl.float32)
    mean = tl.sum(total, 0) / count
    total = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, count, BLOCK):
        e = start + lanes
        at, _ = _place(e, area, channels, first, SHARE, LAST)
        off = tl.load(x + at, mask=e < count, other=0.0).to(tl.float32) - mean
        total += tl.where(e < count, off * off, 0.0)
    rate = 1.0 / tl.sqrt(tl.sum(total, 0) / count + eps)
    for start in range(0, count, BLOCK):
        e = start + lanes
        inside = e < count
        at, channel = _place(e, area, channels, first, SHARE, LAST)
        y = (tl.load(x + at, mask=inside, other=0.0).to(tl.float32) - mean) * rate
        if AFFINE:
            y = y * tl.load(weight + channel, mask=inside, other=0.0).to(tl.float32)
            y = y + tl.load(bias + channel, mask=inside, other=0.0).to(tl.float32)
        if FILM:
            told = batch * film_stride + channel
            y = y * tl.load(scale + told, mask=inside, other=0.0).to(tl.float32)
            y = y + tl.load(shift + told, mask=inside, other=0.0).to(tl.float32)
        y = y / (1.0 + tl.exp(-y))
        tl.store(out + at, y.to(out.dtype.element_ty), mask=inside)


def norm_silu_film(
    x: torch.Tensor,
    groups: int,
    affine: tuple[torch.Tensor, torch.Tensor] | None = None,
    film: tuple[torch.Tensor, torch.Tensor] | None = None,
    eps: float = 1e-5,
) -> torch.Tensor:
    """As :func:`phosphene.kernels.reference.norm_silu_film`; ``x`` keeps its memory layout."""
    b, channels, height, width = x.shape
    last = not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
    x = x if last else x.contiguous()
    out = torch.empty_like(x)
    # one number for all channels must be one for each
    weight, bias = (each.contiguous() for each in affine) if affine is not None else (x, x)
    scale, shift = film if film is not None else (x, x)
    if scale.stride() != shift.stride() or (film is not None and scale.stride(1) != 1):
        scale, shift = scale.contiguous(), shift.contiguous()
    norm_kernel[(b * groups,)](
        x,
        weight,
        bias,
        scale,
        shift,
        out,
        channels,
        groups,
        height * width,
        scale.stride(0),
        eps,
        AFFINE=affine is not None,
        FILM=film is not None,
        SHARE=channels // groups,
        LAST=last,
        BLOCK=BLOCK_SIZE,
    )
    return out
