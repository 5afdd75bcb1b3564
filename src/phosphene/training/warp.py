"""The stream's camera in torch, with a move of its own for every clip of a batch.

`phosphene.stream.camera.warp` moves a whole batch alike; training shows many streams at once. Same
spline, same mirrored edges, no ripple.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


def warp(latent: Tensor, moves: Tensor) -> Tensor:
    """Move latents (b, c, h, w) by `moves` (b, 4): zoom, rotate, pan x, pan y, as in `CameraMove`."""
    b, c, h, w = latent.shape
    x, y = _source_points(h, w, moves.float())
    spline = _prefilter(h, latent.device) @ latent.float() @ _prefilter(w, latent.device)
    fx, fy = x - x.floor(), y - y.floor()
    taps = torch.arange(-1, 3, device=latent.device)
    columns = _mirror(x.floor().long()[:, None] + taps[:, None], w)
    rows = _mirror(y.floor().long()[:, None] + taps[:, None], h)
    index = (rows[:, :, None] * w + columns[:, None]).reshape(b, 1, -1)
    weight = (_cubic(fy)[:, :, None] * _cubic(fx)[:, None]).reshape(b, 1, 16, h * w)
    near = spline.flatten(2).gather(2, index.expand(-1, c, -1)).view(b, c, 16, h * w)
    return (near * weight).sum(2).view(b, c, h, w).to(latent.dtype)


def _source_points(h: int, w: int, moves: Tensor) -> tuple[Tensor, Tensor]:
    """(b, h*w) x and y, pixels: where each pixel of the moved picture comes from."""
    zoom, rotate, pan_x, pan_y = moves[:, :, None].unbind(1)
    y, x = torch.meshgrid(
        torch.arange(h, device=moves.device) - (h - 1) / 2,
        torch.arange(w, device=moves.device) - (w - 1) / 2,
        indexing="ij",
    )
    u, v = x.reshape(1, -1) - pan_x * w, y.reshape(1, -1) - pan_y * w
    c, s = rotate.cos() / zoom, rotate.sin() / zoom
    return c * u + s * v + (w - 1) / 2, c * v - s * u + (h - 1) / 2


@lru_cache(maxsize=16)
def _prefilter(size: int, device: torch.device) -> Tensor:
    """(size, size), from samples along one side to coefficients of the mirrored spline."""
    samples = 4 * torch.eye(size) + torch.diag(torch.ones(size - 1), 1)
    samples = samples + torch.diag(torch.ones(size - 1), -1)
    samples[0, 0] += 1
    samples[-1, -1] += 1
    inverse: Tensor = torch.linalg.inv(samples / 6)
    return inverse.to(device)


def _cubic(f: Tensor) -> Tensor:
    """Weights (b, 4, n) of the coefficients at -1, 0, 1, 2 for fractions (b, n)."""
    g = 1 - f
    near = 2 / 3 - f * f + f**3 / 2
    far = 2 / 3 - g * g + g**3 / 2
    return torch.stack((g**3 / 6, near, far, f**3 / 6), dim=1)


def _mirror(index: Tensor, size: int) -> Tensor:
    folded = index.remainder(2 * size)
    return torch.minimum(folded, 2 * size - 1 - folded)
