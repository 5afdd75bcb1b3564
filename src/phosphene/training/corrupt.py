"""History augmentation: last outputs damaged the way a stream damages its own, so that the net expects it.

The menu after Helios (Yuan et al. 2026) and GameNGen (Valevski et al. 2024): noise, blur, saturation and
exposure, dropout. The net is told how bad it is, and level 0 means exactly clean: a net that never saw that
would not know a clean past when it gets one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from phosphene.config import ConfigModel

REACH = 1.0
"""fields lie in [-1, 1]; what lies beyond is clipped"""
LEVELS = 255


class CorruptionSettings(ConfigModel):
    """How often and how much."""

    clean: float = Field(0.15, ge=0, le=1, description="Share left exactly as it is, level 0.")
    noise: float = Field(0.35, ge=0, le=2, description="Deviation of the noise at level 1.")
    blur: float = Field(0.4, ge=0, le=1, description="Chance of blur.")
    tone: float = Field(
        0.4, ge=0, le=1, description="Chance of another contrast, saturation and exposure."
    )
    alone: float = Field(0.15, ge=0, le=1, description="Share without any past: a first frame.")
    single: float = Field(
        0.15, ge=0, le=1, description="Share with one last output instead of two."
    )
    forgetful: float = Field(0.3, ge=0, le=1, description="Share with an empty memory.")


@dataclass(frozen=True)
class Past:
    """History (b, 2, c, h, w) with flags (b, 2) and level (b,); memory (b, m, c, h, w) with ages (b, m)."""

    history: Tensor
    has: Tensor
    level: Tensor
    memory: Tensor
    age: Tensor


def corrupt(past: Past, cfg: CorruptionSettings, *, drop: bool = True) -> Past:
    """A damaged past, told how damaged; `drop` also takes parts of it away."""
    b, device = past.history.shape[0], past.history.device

    def chance(p: float) -> Tensor:
        return torch.rand(b, device=device) < p

    level = torch.rand(b, device=device) * ~chance(cfg.clean)
    history = damage(past.history, level, cfg)
    # memories are old outputs: about as damaged, without a label of their own
    memory = damage(past.memory, 0.5 * level, cfg)
    has, age = past.has, past.age
    if drop:
        alone, single = chance(cfg.alone), chance(cfg.single)
        has = has * ~torch.stack((alone, alone | single), dim=1)
        age = age * ~chance(cfg.forgetful)[:, None]
    return Past(history, has, level * has[:, 0], memory, age)


def damage(frames: Tensor, level: Tensor, cfg: CorruptionSettings) -> Tensor:
    """Latents (b, n, c, h, w) with damage in proportion to `level` (b,); level 0 changes nothing."""
    b, device = frames.shape[0], frames.device
    amount = level[:, None, None, None, None]

    def some(p: float, low: float, high: float) -> Tensor:
        on = (torch.rand(b, 1, 1, 1, 1, device=device) < p).float()
        return on * (low + (high - low) * torch.rand(b, 1, 1, 1, 1, device=device))

    soft = F.avg_pool2d(frames.flatten(0, 1), 3, 1, 1, count_include_pad=False).view_as(frames)
    out = frames + amount * some(cfg.blur, 0.0, 1.2) * (soft - frames)
    mean = out.mean((-1, -2), keepdim=True)
    # contrast about each channel's mean; colours and exposure sit in the means
    out = out + amount * some(cfg.tone, -0.4, 0.4) * (out - mean)
    shift = torch.randn(b, 1, frames.shape[2], 1, 1, device=device)
    out = out + amount * some(cfg.tone, 0.0, 0.3) * shift
    noise = torch.randn_like(out)
    return out + amount * some(0.7, 0.0, cfg.noise) * noise


def quantise(field: Tensor) -> Tensor:
    """Fields as 8 bits would keep them: small errors die instead of adding up (DIAMOND, Alonso 2024)."""
    step = 2 * REACH / LEVELS
    return (field.clamp(-REACH, REACH) / step).round() * step
