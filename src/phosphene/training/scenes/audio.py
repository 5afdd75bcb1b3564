"""Random but music-like audio vectors, so that the model learns what each component does."""

from __future__ import annotations

import torch
from torch import Tensor

HITS = 0.07
"""share of frames on which something is struck: at 24 a second, about 100 a minute"""
DECAY = 0.55
STEADY = 0.85


def random_audio(gen: torch.Generator, clips: int, frames: int) -> Tensor:
    """(clips, frames, 5) of (bass, mid, treble, onset, beat_phase) in [0, 1], drawn on the CPU.

    Each clip has its own levels, about which the bands wander and which hits lift; one in eight is silent.
    """
    level = torch.rand(clips, 3, generator=gen) ** 1.2
    busy = torch.rand(clips, 1, generator=gen)
    wander, onset, kick = torch.zeros(clips, 3), torch.zeros(clips, 1), torch.zeros(clips, 3)
    rows = []
    for _ in range(frames):
        hit = (torch.rand(clips, 1, generator=gen) < 2 * HITS * busy).float()
        strength = hit * (0.4 + 0.6 * torch.rand(clips, 1, generator=gen))
        onset = torch.maximum(strength, DECAY * onset)
        # a hit is mostly of one band
        lift = strength * torch.rand(clips, 3, generator=gen) ** 2
        kick = torch.maximum(lift, 0.75 * kick)
        wander = STEADY * wander + 0.07 * torch.randn(clips, 3, generator=gen)
        rows.append(torch.cat(((level + wander + 0.6 * kick).clamp(0, 1), onset), dim=-1))
    tempo = 0.05 + 0.07 * torch.rand(clips, 1, generator=gen)
    phase = (torch.rand(clips, 1, generator=gen) + tempo * torch.arange(frames)) % 1.0
    audio = torch.cat((torch.stack(rows, dim=1), phase[..., None]), dim=-1)
    silent = torch.rand(clips, 1, 1, generator=gen) < 1 / 8
    return torch.where(silent, torch.zeros(()), audio)
