"""Clips held in the memory of the device that trains, a byte a number."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sized
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import torch
from torch import Tensor

from phosphene.diffusion.lsd.motifs import Reader
from phosphene.training.clips import MEMORIES, Drawn

Batch = TypeVar("Batch", bound=Sized)


def until(batches: Iterator[Batch], clips: int, seconds: float) -> Iterator[Batch]:
    """Batches until they hold enough or the time is over; at least one."""
    start, count = time.monotonic(), 0
    for batch in batches:
        yield batch
        count += len(batch)
        if count >= clips or time.monotonic() - start > seconds:
            return


@dataclass(frozen=True)
class Clips:
    """Clips of one size on one device; fields are bytes, see `clips.planes`.

    fields: (n, MEMORIES + t, 2, h, w). audio: (n, t, 5). text: (n, dim). age: (n, MEMORIES).
    moves: (n, 4). source: (m, t, h, w) luma of source videos; source_of: (n,) row of it, or -1.
    """

    fields: Tensor
    audio: Tensor
    text: Tensor
    age: Tensor
    moves: Tensor
    source: Tensor
    source_of: Tensor
    captions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.captions)

    @property
    def frames(self) -> int:
        """Consecutive frames of a clip."""
        return self.fields.shape[1] - MEMORIES

    def pick(self, count: int) -> Tensor:
        """(count,) random rows: kinds of clips in the shares in which they were drawn."""
        return torch.randint(len(self), (count,), device=self.fields.device)

    def words(self, rows: Tensor) -> Tensor:
        """(b, 1, dim): the text of each row."""
        return self.text[rows][:, None]


def gather_clips(batches: Iterator[Drawn], reader: Reader, device: torch.device) -> Clips:
    """Lay clips side by side; of their texts the network is told what it will be told in a show."""
    rows = list(batches)
    taken = 0
    source_of: list[int] = []
    for row in rows:
        led = row.source is not None
        source_of += range(taken, taken + len(row)) if led else [-1] * len(row)
        taken += len(row) if led else 0
    captions = list(chain.from_iterable(row.captions for row in rows))
    vectors = torch.stack([torch.from_numpy(reader.hear(text)) for text in captions])
    fields = torch.cat([row.fields for row in rows])
    sources = [row.source for row in rows if row.source is not None]
    return Clips(
        fields=fields.to(device),
        audio=torch.cat([row.audio for row in rows]).to(device),
        text=vectors.float().to(device),
        age=torch.cat([row.age for row in rows]).to(device),
        moves=torch.cat([row.moves for row in rows]).to(device),
        source=(torch.cat(sources) if sources else fields[:0, MEMORIES:, 0]).to(device),
        source_of=torch.tensor(source_of, device=device),
        captions=tuple(captions),
    )
