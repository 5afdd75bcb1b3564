"""The denoiser: a small U-Net on 2x2-unshuffled latents, conditioned by FiLM.

Pure network: what t means and how training pairs are made is in `flow.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class UNetConfig:
    """Widths at 1/2, 1/4 and 1/8 of the latent's size, and how many blocks each has on the way down."""

    latent: int = 8
    widths: tuple[int, ...] = (96, 160, 192)
    blocks: tuple[int, ...] = (2, 2, 3)
    condition: int = 256
    text: int = 128
    audio: int = 5
    groups: int = 8


class Condition(nn.Module):
    """Time, prompt, sound and trust in the last frame as one vector (b, condition)."""

    def __init__(self, cfg: UNetConfig) -> None:
        super().__init__()
        width = cfg.condition
        self.text = nn.Sequential(nn.Linear(cfg.text, width), nn.SiLU(), nn.Linear(width, width))
        self.time = nn.Linear(64, width)
        self.history = nn.Linear(2, width)
        self.audio = nn.Linear(cfg.audio + 1, width)
        self.out = nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU())

    def forward(
        self,
        timestep: Tensor,
        text: Tensor,
        has_previous: Tensor,
        history_noise: Tensor,
        audio: Tensor,
    ) -> Tensor:
        history = torch.stack((has_previous, has_previous * history_noise), dim=-1)
        # a beat's phase is a circle: give both its coordinates
        turn = 2 * math.pi * audio[:, 4:]
        sound = torch.cat((audio[:, :4], turn.cos(), turn.sin()), dim=-1)
        mixed = self.text(text.mean(1)) + self.time(sinusoid(timestep, 64))
        vector: Tensor = self.out(mixed + self.history(history) + self.audio(sound))
        return vector


class Block(nn.Module):
    """GroupNorm, SiLU, convolution, twice, with FiLM between and a zero-initialised end."""

    def __init__(self, width: int, cfg: UNetConfig) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(cfg.groups, width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.norm2 = nn.GroupNorm(cfg.groups, width, affine=False)
        self.film = nn.Linear(cfg.condition, 2 * width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.film.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.film(condition)[..., None, None].chunk(2, dim=1)
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.norm2(h) * (1 + scale) + shift
        out: Tensor = x + self.conv2(F.silu(h))
        return out


class UNet(nn.Module):
    """Velocity of the flow at (x_t, t), see `forward`."""

    def __init__(self, cfg: UNetConfig | None = None) -> None:
        super().__init__()
        self.cfg = cfg = cfg or UNetConfig()
        first = cfg.widths[0]
        self.condition = Condition(cfg)
        # noisy latent, previous latent, its mask, x, y, r; all unshuffled by 2
        self.enter = nn.Conv2d(4 * (2 * cfg.latent + 4), first, 3, padding=1)
        self.down = nn.ModuleList(
            nn.ModuleList(Block(w, cfg) for _ in range(n))
            for w, n in zip(cfg.widths, cfg.blocks, strict=True)
        )
        self.up = nn.ModuleList(
            nn.ModuleList(Block(w, cfg) for _ in range(n))
            for w, n in zip(cfg.widths[:-1], cfg.blocks[:-1], strict=True)
        )
        pairs = list(zip(cfg.widths, cfg.widths[1:], strict=False))
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairs)
        self.grow = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairs)
        self.norm = nn.GroupNorm(cfg.groups, first)
        self.leave = nn.Conv2d(first, 4 * cfg.latent, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias) if self.leave.bias is not None else None
        # a gain per channel straight from the noisy and the last latent: keeping a picture costs no capacity
        self.direct = nn.Linear(cfg.condition, 2 * cfg.latent)
        nn.init.zeros_(self.direct.weight)
        nn.init.zeros_(self.direct.bias)

    def forward(
        self,
        latent: Tensor,
        timestep: Tensor,
        text: Tensor,
        previous: Tensor,
        has_previous: Tensor,
        history_noise: Tensor,
        audio: Tensor,
    ) -> Tensor:
        """Velocity noise - picture, (b, c, h, w).

        Args:
            latent: (b, c, h, w) x_t = (1 - t) picture + t noise.
            timestep: (b,) t in [0, 1].
            text: (b, seq, text), zeros for no prompt.
            previous: (b, c, h, w) last frame's latent, ignored where has_previous is 0.
            has_previous, history_noise: (b,).
            audio: (b, 5) bass, mid, treble, onset, beat phase.
        """
        # unit-variance input and output, the best linear guess as a skip: EDM (Karras et al. 2022)
        t = timestep[:, None, None, None]
        power = t * t + (1 - t) * (1 - t)
        mask = has_previous[:, None, None, None]
        inputs = (
            latent * power.rsqrt(),
            previous * mask,
            mask.expand_as(latent[:, :1]),
            coordinates(latent),
        )
        x = self.enter(F.pixel_unshuffle(torch.cat(inputs, dim=1), 2))
        condition = self.condition(timestep, text, has_previous, history_noise, audio)
        skips: list[Tensor] = []
        for level, blocks in enumerate(self.down):
            if level:
                skips.append(x)
                x = self.shrink[level - 1](x)
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, condition)
        for level in reversed(range(len(self.up))):
            skip = skips.pop()
            # to the skip's own size, so that odd sizes work
            x = skip + F.interpolate(self.grow[level](x), size=skip.shape[-2:], mode="nearest")
            for block in self.up[level]:  # type: ignore[attr-defined]
                x = block(x, condition)
        out = F.pixel_shuffle(self.leave(F.silu(self.norm(x))), 2)
        keep, copy = self.direct(condition)[..., None, None].chunk(2, dim=1)
        skip = latent * ((2 * t - 1) / power + keep) + previous * mask * copy
        velocity: Tensor = skip + out * power.rsqrt()
        return velocity


def sinusoid(t: Tensor, width: int) -> Tensor:
    """(b,) in [0, 1] to (b, width), periods from 2 pi to 2 pi / 100."""
    rate = torch.exp(torch.linspace(0, math.log(100), width // 2, device=t.device))
    angle = t[:, None] * rate
    return torch.cat((angle.cos(), angle.sin()), dim=-1)


def coordinates(like: Tensor) -> Tensor:
    """(b, 3, h, w) x, y and radius; x and y span [-1, 1]."""
    h, w = like.shape[-2:]
    y = (torch.arange(h, device=like.device, dtype=torch.float32) + 0.5) * (2 / h) - 1
    x = (torch.arange(w, device=like.device, dtype=torch.float32) + 0.5) * (2 / w) - 1
    y, x = y[:, None].expand(h, w), x[None, :].expand(h, w)
    grid = torch.stack((x, y, (x * x + y * y).sqrt()))
    return grid[None].expand(like.shape[0], 3, h, w)
