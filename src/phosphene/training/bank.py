"""Streams that go on: far past the end of any clip, kept between steps so that drift has time to show."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from phosphene.training.corrupt import Past
from phosphene.training.pool import Clips

NEW_PROMPT = 0.06
"""share of streams whose prompt changes when they are taken up; their memory is reset then"""


@dataclass(frozen=True)
class Running:
    """Streams on their way: past, and the clip (b,) whose prompt they draw; moves (b, 4)."""

    past: Past
    owner: Tensor
    moves: Tensor

    def __len__(self) -> int:
        return len(self.owner)


class StreamBank:
    """A ring of running streams on the device that trains."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: Running | None = None
        self._next = 0

    def __len__(self) -> int:
        return 0 if self._kept is None else min(self._next, self._size)

    def put(self, streams: Running) -> None:
        """Keep streams as they are now, in place of the oldest."""
        if self._kept is None:
            self._kept = _empty(streams, self._size)
        slots = (torch.arange(len(streams), device=streams.owner.device) + self._next) % self._size
        for kept, new in zip(_tensors(self._kept), _tensors(streams), strict=True):
            kept[slots] = new.to(kept.dtype)
        self._next += len(streams)

    def take(self, count: int, clips: Clips) -> Running:
        """Random kept streams; a few are given another prompt."""
        if self._kept is None:
            raise ValueError("no stream has been put into the bank.")
        device = self._kept.owner.device
        pick = torch.randint(len(self), (count,), device=device)
        past, owner, moves = self._kept.past, self._kept.owner[pick], self._kept.moves[pick]
        turned = torch.rand(count, device=device) < NEW_PROMPT
        other = torch.randint(len(clips), (count,), device=device)
        age = torch.where(turned[:, None], torch.zeros_like(past.age[pick]), past.age[pick])
        return Running(
            past=Past(
                history=past.history[pick].float(),
                has=past.has[pick],
                level=past.level[pick],
                memory=past.memory[pick].float(),
                age=age,
            ),
            owner=torch.where(turned, other, owner),
            moves=moves,
        )

    def deviation(self, count: int) -> Tensor:
        """Standard deviation of some streams' last pictures: what drift does to them shows here."""
        if self._kept is None:
            return torch.zeros(())
        return self._kept.past.history[: min(count, len(self)), 0].float().std()


def _tensors(streams: Running) -> tuple[Tensor, ...]:
    past = streams.past
    return (past.history, past.has, past.level, past.memory, past.age, streams.owner, streams.moves)


def _empty(like: Running, size: int) -> Running:
    def room(x: Tensor, half: bool = False) -> Tensor:
        return x.new_zeros(size, *x.shape[1:], dtype=torch.float16 if half else x.dtype)

    past = like.past
    return Running(
        past=replace(
            past,
            history=room(past.history, half=True),
            has=room(past.has),
            level=room(past.level),
            memory=room(past.memory, half=True),
            age=room(past.age),
        ),
        owner=room(like.owner),
        moves=room(like.moves),
    )
