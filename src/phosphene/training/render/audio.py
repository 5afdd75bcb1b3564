"""Random but music-like audio vectors, so that the model learns what each component does."""

from __future__ import annotations

import torch
from torch import Tensor


def random_audio(gen: torch.Generator, clips: int, frames: int) -> Tensor:
    """(clips, frames, 5) of (bass, mid, treble, onset, beat_phase) in [0, 1].

    Levels move a little from frame to frame; onsets are rare and decay; one clip in six is silent.
    """
    level = torch.rand(clips, 1, 3, generator=gen) ** 1.4
    wander = 0.12 * torch.randn(clips, frames, 3, generator=gen).cumsum(1)
    bands = (level + wander).clamp(0, 1)
    hit = torch.rand(clips, 1, generator=gen) < 0.4
    start = torch.randint(0, frames, (clips, 1), generator=gen)
    since = torch.arange(frames) - start
    strength = 0.4 + 0.6 * torch.rand(clips, 1, generator=gen)
    onset = torch.where(hit & (since >= 0), strength * 0.55 ** since.clamp(min=0), torch.zeros(()))
    tempo = 0.05 + 0.07 * torch.rand(clips, 1, generator=gen)
    phase = (torch.rand(clips, 1, generator=gen) + tempo * torch.arange(frames)) % 1.0
    audio = torch.cat((bands, onset[..., None], phase[..., None]), dim=-1)
    silent = torch.rand(clips, 1, 1, generator=gen) < 1 / 6
    return torch.where(silent, torch.zeros(()), audio)
