"""Blend, clamp and pack to uint8 RGB in one pass: four bytes a lane, written as one word."""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

from phosphene.errors import InputError

WORDS = 512
"""of four bytes a program"""
# adding and taking away 1.5 * 2^23 rounds a float32 to whole numbers, halves to even
ROUND = tl.constexpr(12582912.0)


@triton.jit
def _level(pixels, before, keep, byte, size, strides, BLEND: tl.constexpr, inside):
    """Level 0..255 of one byte of the packed picture; ``before`` has what was shown there last."""
    pixel, channel = byte // 3, byte % 3
    batch, place = pixel // size[0], pixel % size[0]
    row, column = place // size[1], place % size[1]
    at = batch * strides[0] + channel * strides[1] + row * strides[2] + column * strides[3]
    level = tl.load(pixels + at, mask=inside, other=0.0).to(tl.float32) * 127.5 + 127.5
    level = tl.minimum(tl.maximum(level, 0.0), 255.0)
    if BLEND:
        level = level * (1.0 - keep) + (before & 255).to(tl.float32) * keep
    return ((level + ROUND) - ROUND).to(tl.int32)


@triton.jit
def pack_kernel(
    pixels,
    previous,
    out,
    keep,
    words,
    area,
    width,
    stride_b,
    stride_c,
    stride_y,
    stride_x,
    BLEND: tl.constexpr,
    PTX: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """``previous`` and ``out`` are packed pictures as int32 words."""
    word = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = word < words
    size, strides = (area, width), (stride_b, stride_c, stride_y, stride_x)
    byte = word * 4
    shown = word
    if BLEND:
        shown = tl.load(previous + word, mask=inside, other=0)
    a = _level(pixels, shown, keep, byte, size, strides, BLEND, inside)
    b = _level(pixels, shown >> 8, keep, byte + 1, size, strides, BLEND, inside)
    c = _level(pixels, shown >> 16, keep, byte + 2, size, strides, BLEND, inside)
    d = _level(pixels, shown >> 24, keep, byte + 3, size, strides, BLEND, inside)
    if PTX:
        # two instructions where shifts and ors take six
        packed = tl.inline_asm_elementwise(
            "{ .reg .b32 t; cvt.pack.sat.u8.s32.b32 t, $4, $3, 0; cvt.pack.sat.u8.s32.b32 $0, $2, $1, t; }",
            "=r,r,r,r,r",
            [a, b, c, d],
            dtype=tl.int32,
            is_pure=True,
            pack=1,
        )
    else:
        packed = a | (b << 8) | (c << 16) | (d << 24)
    tl.store(out + word, packed, mask=inside)


def blend_pack(
    pixels: torch.Tensor, previous: torch.Tensor | None = None, keep: float = 0.0
) -> torch.Tensor:
    """As :func:`phosphene.kernels.reference.blend_pack`. Raises InputError where bytes are no whole words."""
    b, _, height, width = pixels.shape
    if b * height * width % 4:
        raise InputError(
            f"pictures must have a multiple of 4 pixels to be packed, not {b} of {width}x{height}."
        )
    out = torch.empty((b, height, width, 3), dtype=torch.uint8, device=pixels.device)
    words = out.numel() // 4
    blend = previous is not None and keep != 0.0
    settings: dict[str, Any] = {"BLEND": blend, "PTX": pixels.is_cuda, "BLOCK": WORDS}
    pack_kernel[(triton.cdiv(words, WORDS),)](
        pixels,
        _words(previous if previous is not None and blend else out),
        _words(out),
        keep,
        words,
        height * width,
        width,
        *pixels.stride(),
        **settings,
    )
    return out


def _words(picture: torch.Tensor) -> torch.Tensor:
    return picture.contiguous().view(-1).view(torch.int32)
