"""Clips held in the memory of the device that trains: as pictures for the codec, as latents for LSD."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sized
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import torch
from torch import Tensor

from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.training import runtime
from phosphene.training.clips import MEMORIES, Drawn
from phosphene.training.nets.codec import Encoder
from phosphene.training.render.source import leaves

FRAMES_A_CLIP = 3
"""pictures the codec takes from a clip: more of one clip look alike"""


Batch = TypeVar("Batch", bound=Sized)


def until(batches: Iterator[Batch], clips: int, seconds: float) -> Iterator[Batch]:
    """Batches until they hold enough or the time is over; at least one."""
    start, count = time.monotonic(), 0
    for batch in batches:
        yield batch
        count += len(batch)
        if count >= clips or time.monotonic() - start > seconds:
            return


def gather_frames(
    batches: Iterator[Drawn], source_share: float, seed: int, device: torch.device
) -> Tensor:
    """(n, s, s, 3) uint8 on the device: frames of every clip, and a share of source pictures."""
    parts = []
    for index, batch in enumerate(batches):
        frames = batch.frames[:, :: max(1, batch.frames.shape[1] // FRAMES_A_CLIP)]
        parts.append(frames.flatten(0, 1).to(device))
        if torch.rand((), generator=torch.Generator().manual_seed(seed + index)) < source_share:
            size = frames.shape[2]
            parts.append(leaves(seed + index, len(batch), (0, 40), size, device).flatten(0, 1))
    return torch.cat(parts)


@dataclass(frozen=True)
class Clips:
    """Encoded clips on one device, float16 latents.

    latents: (n, MEMORIES + t, c, h, w). audio: (n, t, 5). text: (n, 1, dim). age: (n, MEMORIES).
    moves: (n, 4). twin: (n,) the same clip in other colours, or itself. family: (n,).
    source: (m, t, c, h, w) latents of source videos; source_of: (n,) row of it, or -1.
    """

    latents: Tensor
    audio: Tensor
    text: Tensor
    age: Tensor
    moves: Tensor
    twin: Tensor
    family: Tensor
    source: Tensor
    source_of: Tensor
    captions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.captions)

    @property
    def frames(self) -> int:
        """Consecutive frames of a clip."""
        return self.latents.shape[1] - MEMORIES


@torch.no_grad()
def encode_frames(encoder: Encoder, frames: Tensor, chunk: int = 96) -> Tensor:
    """Latents (..., c, h/8, w/8) float16 of uint8 pictures (..., h, w, 3)."""
    flat, device = frames.flatten(0, -4), next(encoder.parameters()).device
    out = []
    for part in torch.split(flat, chunk):
        rgb = part.to(device).permute(0, 3, 1, 2).float().div(255)
        with runtime.fast_math(device):
            latent = encoder(rgb.contiguous(memory_format=torch.channels_last))
        out.append(latent.half().contiguous())
    latents = torch.cat(out)
    return latents.view(*frames.shape[:-3], *latents.shape[1:])


def gather_clips(
    batches: Iterator[Drawn], encoder: Encoder, text: TextEncoder, device: torch.device
) -> Clips:
    """Draw, encode and lay side by side."""
    latents, sources = [], []
    rows: list[Drawn] = []
    twin: list[int] = []
    source_of: list[int] = []
    taken = 0
    for batch in batches:
        pair = (batch,) if batch.twin is None else (batch, batch.twin)
        start, n = len(twin), len(batch)
        for offset, one in enumerate(pair):
            other = start + (len(pair) - 1 - offset) * n
            twin += range(other, other + n)
            source_of += range(taken, taken + n) if one.source is not None else [-1] * n
            latents.append(encode_frames(encoder, one.frames))
            rows.append(one)
        if batch.source is not None:
            sources.append(encode_frames(encoder, batch.source))
            taken += n
    captions = tuple(chain.from_iterable(row.captions for row in rows))
    vectors = torch.stack([torch.from_numpy(text.encode(caption)) for caption in captions])
    joined = torch.cat(latents)
    return Clips(
        latents=joined,
        audio=torch.cat([row.audio for row in rows]).to(device),
        text=vectors[:, None].float().to(device),
        age=torch.cat([row.age for row in rows]).to(device),
        moves=torch.cat([row.moves for row in rows]).to(device),
        twin=torch.tensor(twin, device=device),
        family=torch.tensor([row.family for row in rows for _ in row.captions], device=device),
        source=torch.cat(sources) if sources else joined[:0, MEMORIES:],
        source_of=torch.tensor(source_of, device=device),
        captions=captions,
    )
