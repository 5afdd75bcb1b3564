"""Edges of pictures (Canny 1986) on any device, without leaving it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

BLUR_SIGMA = 1.4
LOW, HIGH = 0.1, 0.2
"""of the gradient (0..1 a pixel): above HIGH it is an edge, above LOW if it touches one"""
REACH = 16
"""pixels that an edge may go on through weaker ones"""


def canny(pictures: torch.Tensor, low: float = LOW, high: float = HIGH) -> torch.Tensor:
    """(b 3 h w) in 0..1 -> (b 3 h w), 1 on edges one pixel wide and 0 elsewhere."""
    import torch
    from torch.nn.functional import max_pool2d

    weights = pictures.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    grey = _blur((pictures * weights).sum(dim=1, keepdim=True))
    slope_x, slope_y = _sobel(grey)
    strength = torch.hypot(slope_x, slope_y)
    ridge = strength * _thinnest(strength, torch.atan2(slope_y, slope_x))
    edges, candidates = (ridge > high).float(), (ridge > low).float()
    for _ in range(REACH):
        edges = max_pool2d(edges, 3, stride=1, padding=1) * candidates
    return edges.expand(-1, 3, -1, -1)


def _blur(grey: torch.Tensor) -> torch.Tensor:
    import torch
    from torch.nn.functional import conv2d, pad

    radius = math.ceil(2 * BLUR_SIGMA)
    at = torch.arange(-radius, radius + 1, device=grey.device, dtype=grey.dtype)
    bell = torch.exp(-0.5 * (at / BLUR_SIGMA) ** 2)
    bell = bell / bell.sum()
    padded = pad(grey, (radius,) * 4, mode="replicate")
    return conv2d(conv2d(padded, bell.view(1, 1, 1, -1)), bell.view(1, 1, -1, 1))


def _sobel(grey: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Slopes to the right and down, per pixel."""
    from torch.nn.functional import conv2d, pad

    kernel = grey.new_tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8.0
    padded = pad(grey, (1, 1, 1, 1), mode="replicate")
    return conv2d(padded, kernel[None, None]), conv2d(padded, kernel.T[None, None])


def _thinnest(strength: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """1 where the gradient is the steepest of the three pixels along its own direction."""
    import torch
    from torch.nn.functional import pad

    padded = pad(strength, (1, 1, 1, 1))
    height, width = strength.shape[-2:]

    def beside(x: int, y: int) -> torch.Tensor:
        return padded[..., 1 + y : 1 + y + height, 1 + x : 1 + x + width]

    sector = torch.round(angle / (math.pi / 4)).long() % 4
    kept = torch.zeros_like(strength)
    for index, (x, y) in enumerate(((1, 0), (1, 1), (0, 1), (-1, 1))):
        steepest = (strength >= beside(x, y)) & (strength > beside(-x, -y))
        kept = kept + ((sector == index) & steepest)
    return kept
