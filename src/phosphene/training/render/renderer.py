"""Draw clips: family + palette + audio -> frames. Deterministic in its arguments."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from phosphene.training.render import noise
from phosphene.training.render.canvas import PARAMS, Canvas, smooth
from phosphene.training.render.colour import apply_palette
from phosphene.training.render.families import FAMILIES


@dataclass(frozen=True)
class ClipBatch:
    """Clips of one family.

    luts: (clips, LUT_SIZE, 3) palettes. audio: (clips, frames, 5).
    speed, scale, contrast: (clips,) factors around 1, set by words such as fast, fine, soft.
    """

    family: str
    luts: Tensor
    audio: Tensor
    speed: Tensor
    scale: Tensor
    contrast: Tensor
    seed: int


def _camera(
    gen: torch.Generator, batch: ClipBatch, time: Tensor, size: int, sway: float
) -> tuple[Tensor, Tensor]:
    """(n, h, w) coordinates under a slow camera; bass pulls it in, an onset twists it."""
    clips, frames = batch.audio.shape[:2]
    axis = (torch.arange(size, device=time.device) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    rnd = (
        torch.rand(clips, 5, generator=gen)
        .to(time.device)
        .repeat_interleave(frames, 0)[..., None, None]
    )
    bass, onset = (batch.audio[..., k].reshape(-1, 1, 1) for k in (0, 3))
    t = time[:, None, None]
    zoom = (1.12 - 0.3 * bass) * (1 + 0.06 * (0.7 * t + 6 * rnd[:, 0]).sin())
    turn = sway * ((rnd[:, 1] - 0.5) * 2.5 + (rnd[:, 2] - 0.5) * 0.35 * t)
    r2 = x * x + y * y
    turn = turn + 0.22 * onset * (1.5 - r2) * (0.3 + 0.7 * sway)
    cx, cy = 0.3 * (rnd[:, 3] - 0.5), 0.3 * (rnd[:, 4] - 0.5)
    u, v = (x - cx) * zoom, (y - cy) * zoom
    return turn.cos() * u - turn.sin() * v, turn.sin() * u + turn.cos() * v


def clip_time(audio: Tensor, speed: Tensor, start: Tensor) -> Tensor:
    """(clips, frames) phase: the mid band sets how far a frame moves on."""
    step = 0.05 * speed[:, None] * (0.25 + 1.9 * audio[..., 1])
    return start[:, None] + step.cumsum(1)


def render(batch: ClipBatch, size: int = 256) -> Tensor:
    """(clips, frames, size, size, 3) uint8 sRGB."""
    gen = torch.Generator().manual_seed(batch.seed)
    family = FAMILIES[batch.family]
    clips, frames = batch.audio.shape[:2]
    device = batch.audio.device
    params = torch.rand(clips, PARAMS, generator=gen).to(device)
    start = 40 * torch.rand(clips, generator=gen).to(device)
    time = clip_time(batch.audio, batch.speed, start).reshape(-1)
    x, y = _camera(gen, batch, time, size, family.sway)
    canvas = Canvas(
        gen=gen,
        clips=clips,
        x=x,
        y=y,
        time=time,
        params=params.repeat_interleave(frames, 0),
        audio=batch.audio.flatten(0, 1),
        scale=batch.scale.repeat_interleave(frames)[:, None, None],
    )
    value, light = family.draw(canvas)
    value, light = _react(canvas, value, light)
    contrast = batch.contrast.repeat_interleave(frames)[:, None, None]
    value = 0.5 + (value - 0.5) * contrast
    rgb = apply_palette(value, batch.luts.repeat_interleave(frames, 0))
    rgb = _expose(rgb, light)
    return (rgb * 255).round().to(torch.uint8).view(clips, frames, size, size, 3)


def _react(c: Canvas, value: Tensor, light: Tensor) -> tuple[Tensor, Tensor]:
    """What every family does with sound: treble adds detail and sparkle, onset and beat add light."""
    treble, onset, beat = c.hear("treble"), c.hear("onset"), c.hear("beat_phase")
    fine = noise.texture(c.gen, c.clips, 3 * c.time, base=28, octaves=2, gain=0.7)
    fine = noise.sample(fine, c.x, c.y)[:, 0]
    value = value + 0.04 * treble * fine * smooth(0.02, 0.3, value)
    sparkle = smooth(2.1, 3.0, fine) * treble
    loud = (c.audio.sum(1) > 0).float()[:, None, None]
    light = light * (1 + 0.45 * onset + 0.1 * loud * (1 - beat) ** 2)
    return value + 0.12 * onset, light + 0.9 * sparkle * light


def _expose(rgb: Tensor, light: Tensor) -> Tensor:
    """Multiply by light; what exceeds 1 drifts to white instead of clipping its hue."""
    lit = rgb * light.clamp(min=0)[..., None]
    over = (lit - 1).clamp(min=0).amax(-1, keepdim=True)
    return (lit + 0.35 * over).clamp(0, 1)
