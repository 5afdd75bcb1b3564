"""Everything about a frame that is one number or a few: time, prompt, sound, how far to trust the past."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class ConditionConfig:
    """Widths of the inputs and of the vector they become."""

    width: int = 256
    text: int = 128
    audio: int = 5


class Condition(nn.Module):
    """One vector (b, width) from time, prompt, sound, history and source."""

    def __init__(self, cfg: ConditionConfig) -> None:
        super().__init__()
        width = cfg.width
        self.text = nn.Sequential(nn.Linear(cfg.text, width), nn.SiLU(), nn.Linear(width, width))
        self.time = nn.Linear(64, width)
        # two flags for the last outputs, how much to distrust them, one flag for a source
        self.history = nn.Linear(4, width)
        self.audio = nn.Sequential(
            nn.Linear(cfg.audio + 1, width // 2), nn.SiLU(), nn.Linear(width // 2, width)
        )
        self.out = nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU())

    def forward(
        self,
        timestep: Tensor,
        text: Tensor,
        has_history: Tensor,
        history_level: Tensor,
        has_source: Tensor,
        audio: Tensor,
    ) -> Tensor:
        """timestep, history_level, has_source (b,); text (b, seq, text); has_history (b, 2); audio (b, 5)."""
        level = has_history[:, :1] * history_level[:, None]
        trust = torch.cat((has_history, level, has_source[:, None]), dim=-1)
        # a beat's phase is a circle: give both its coordinates
        turn = 2 * math.pi * audio[:, 4:]
        sound = torch.cat((audio[:, :4], turn.cos(), turn.sin()), dim=-1)
        mixed = self.text(text.mean(1)) + self.time(sinusoid(timestep, 64))
        vector: Tensor = self.out(mixed + self.history(trust) + self.audio(sound))
        return vector


def sinusoid(t: Tensor, width: int) -> Tensor:
    """(b,) in [0, 1] to (b, width), periods from 2 pi to 2 pi / 100."""
    rate = torch.exp(torch.linspace(0, math.log(100), width // 2, device=t.device))
    angle = t[:, None] * rate
    return torch.cat((angle.cos(), angle.sin()), dim=-1)


TURNS = 6
"""multiples of the angle that are given: rosettes, spokes and snowflakes are simple in them"""
COORDINATES = 4 + 2 * TURNS


def coordinates(like: Tensor) -> Tensor:
    """(1, COORDINATES, h, w): x, y, radius, its logarithm; cosine and sine of 1 to TURNS times the angle.

    The shorter side spans [-1, 1], as the renderer's does: a wide picture is a square one with more beside
    it, so that what was learned on squares holds there.
    """
    x, y = places(like)
    r = (x * x + y * y + 1e-4).sqrt()
    return torch.stack([x, y, r, 0.5 * r.log(), *turns(x / r, y / r, TURNS)])[None]


def places(like: Tensor) -> tuple[Tensor, Tensor]:
    """x and y (h, w) of a picture's places; the shorter side spans [-1, 1]."""
    h, w = like.shape[-2:]
    # min() would be decided once and for all when the network is exported
    shorter = (h + w - abs(h - w)) / 2
    y = (torch.arange(h, device=like.device, dtype=torch.float32) * 2 + 1 - h) / shorter
    x = (torch.arange(w, device=like.device, dtype=torch.float32) * 2 + 1 - w) / shorter
    return x[None, :].expand(h, w), y[:, None].expand(h, w)


def turns(c: Tensor, s: Tensor, most: int) -> list[Tensor]:
    """Cosine and sine of 1 to ``most`` times the angle whose cosine and sine are ``c`` and ``s``."""
    planes: list[Tensor] = []
    ck, sk = c, s
    for _ in range(most):
        planes += [ck, sk]
        ck, sk = ck * c - sk * s, sk * c + ck * s
    return planes
