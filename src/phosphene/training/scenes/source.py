"""Source pictures for video to video: moving leaves over one another, with photographs' statistics.

Occluding shapes whose sizes follow a power law have the spectra and edges of natural pictures ("dead leaves",
Matheron 1975; Lee, Mumford and Huang 2001), and networks trained on them work on photographs (Baradad et
al. 2021). Nothing is downloaded.
"""

from __future__ import annotations

import torch
from torch import Tensor

from phosphene.training.scenes import noise

LEAVES = 26
LUMA = (0.2126, 0.7152, 0.0722)


def leaves(
    seed: int, clips: int, frames: tuple[int, ...], size: int, device: torch.device
) -> Tensor:
    """(clips, len(frames), size, size, 3) uint8 sRGB; `frames` are the times to draw, in frames."""
    gen = noise.generator(seed, device)
    rnd = noise.uniform(gen, device, clips, LEAVES, 16)
    time = torch.tensor(frames, dtype=torch.float32, device=device)
    axis = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    y, x = (v[None, None] for v in torch.meshgrid(axis, axis, indexing="ij"))
    tone = _colours(rnd[:, :, :3])
    shade = 0.5 + 0.5 * (x * (rnd[:, :1, 5, None, None] - 0.5) + y)
    picture = tone[:, :1, :, None, None] * (0.5 + 0.6 * shade)[:, :, None]
    picture = picture.expand(clips, len(frames), 3, size, size).clone()
    grain = noise.texture(gen, clips, torch.zeros(clips, device=device), base=12, octaves=4)
    grain = torch.nn.functional.interpolate(grain, (size, size), mode="bilinear")[:, :, None]
    for k in range(LEAVES):
        edge, inner = _leaf(rnd[:, k], time, x, y)
        ramp = 0.75 + 0.5 * inner + 0.12 * rnd[:, k, 14, None, None, None] * grain[:, 0]
        leaf = tone[:, k, None, :, None, None] * ramp[:, :, None]
        picture = picture + edge[:, :, None] * (leaf - picture)
    gain = 0.8 + 0.4 * rnd[:, 0, 15, None, None, None, None]
    shown = (picture * gain).clamp(0, 1).permute(0, 1, 3, 4, 2)
    return (shown * 255).round().to(torch.uint8)


def _leaf(rnd: Tensor, time: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Cover and shading (clips, frames, h, w) of one leaf: a turning superellipse on a straight way."""

    def r(k: int) -> Tensor:
        return rnd[:, k, None, None, None]

    t = time[None, :, None, None]
    # p(size) ~ size^-2 between 0.12 and 0.9
    width = 0.12 / (1 - 0.87 * r(4))
    px = 2.4 * (r(5) - 0.5) + 0.02 * (r(7) - 0.5) * t
    py = 2.4 * (r(6) - 0.5) + 0.02 * (r(8) - 0.5) * t
    turn = 6.283 * r(9) + 0.03 * (r(10) - 0.5) * t
    dx, dy = x - px, y - py
    u = (turn.cos() * dx + turn.sin() * dy).abs() / width
    v = (turn.cos() * dy - turn.sin() * dx).abs() / (width * (0.35 + 0.65 * r(11)))
    # 1.2 is a star, 2 an ellipse, 8 a box
    power = 1.2 * 6.7 ** (r(12) ** 2)
    depth = 1 - ((u + 1e-4) ** power + (v + 1e-4) ** power) ** (1 / power)
    soft = 0.006 + 0.06 * r(13) ** 4
    edge = (0.5 + depth * width / (2 * soft)).clamp(0, 1)
    return edge, (depth.clamp(0, 1) - 0.5) * (2 * r(3) - 1)


def _colours(rnd: Tensor) -> Tensor:
    """(clips, leaves, 3): mostly muted, as things are, a few vivid; from (clips, leaves, 3) numbers."""
    hue = 6.283 * rnd[..., 0:1] + torch.tensor([0.0, 2.094, 4.189], device=rnd.device)
    vivid = rnd[..., 1:2] ** 2.5
    return ((0.1 + 0.8 * rnd[..., 2:3]) * (1 + vivid * hue.cos())).clamp(0, 1)


def luma(frames: Tensor) -> Tensor:
    """(..., h, w) in [0, 1] of uint8 (..., h, w, 3), stretched to each clip's own range.

    Frames of a clip share the range, which stops a stretched picture from flickering.
    """
    grey = (frames.float() / 255 * torch.tensor(LUMA, device=frames.device)).sum(-1)
    flat = grey.flatten(1)[:, ::97]
    low, high = flat.quantile(0.02, dim=1), flat.quantile(0.98, dim=1)
    shape = (-1, *(1,) * (grey.dim() - 1))
    spread = (high - low).clamp(min=0.05).view(shape)
    return ((grey - low.view(shape)) / spread).clamp(0, 1)
