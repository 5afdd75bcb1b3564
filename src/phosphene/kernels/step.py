"""Scheduler step, new noise and the stream buffer's shift in one pass over the latents."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

BLOCK_SIZE = 1024


@triton.jit
def step_kernel(
    x,
    wanted,
    negative,
    noise,
    weights,
    buffer,
    finished,
    slots,
    size,
    NEGATIVE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """One slot's block a program; what was slot i lies at i in ``buffer``, which begins with slot 1."""
    slot = tl.program_id(1)
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    here = slot * size + at
    factors = weights + slot * 4
    value = tl.load(factors) * tl.load(x + here, mask=inside, other=0.0)
    value += tl.load(factors + 1) * tl.load(wanted + here, mask=inside, other=0.0).to(tl.float32)
    value += tl.load(factors + 3) * tl.load(noise + here, mask=inside, other=0.0)
    if NEGATIVE:
        value += tl.load(factors + 2) * tl.load(negative + here, mask=inside, other=0.0).to(
            tl.float32
        )
    if slot == slots - 1:
        tl.store(finished + at, value, mask=inside)
    else:
        tl.store(buffer + here, value, mask=inside)


def stream_step(
    x: torch.Tensor,
    wanted: torch.Tensor,
    noise: torch.Tensor,
    weights: torch.Tensor,
    negative: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """As :func:`phosphene.kernels.reference.stream_step`."""
    slots, size = len(x), x[0].numel()
    buffer, finished = torch.empty_like(x[1:]), torch.empty_like(x[:1])
    step_kernel[(triton.cdiv(size, BLOCK_SIZE), slots)](
        x.contiguous(),
        wanted.contiguous(),
        wanted if negative is None else negative.contiguous(),
        noise.contiguous(),
        weights,
        buffer,
        finished,
        slots,
        size,
        NEGATIVE=negative is not None,
        BLOCK=BLOCK_SIZE,
    )
    return buffer, finished
