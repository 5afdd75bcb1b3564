"""The sharpener: a field to the field at four times its size, thin lines and clean edges put back.

A residual over cubic interpolation, learned from the renderer, which draws one moment at any size. All of it
runs at the low resolution (sub-pixel convolution; Shi et al. 2016).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SCALE = 4
"""pixels a side that one of the field becomes"""
ALIKE = 5
"""coarse pixels a side over which a grid is told from detail"""
CUBIC = -0.5
"""of the cubic's slope: the one that leaves ramps straight (Keys 1981); torch's -0.75 puts a ripple of the
grid's period on each"""


@dataclass(frozen=True)
class SharpenerConfig:
    """Planes of a field, width of the features, residual blocks."""

    planes: int = 2
    width: int = 24
    blocks: int = 2


class Sharpener(nn.Module):
    """(b, planes, h, w) in [-1, 1] -> (b, planes, 4h, 4w) in [-1, 1]."""

    cubic: Tensor

    def __init__(self, cfg: SharpenerConfig | None = None) -> None:
        super().__init__()
        self.cfg = cfg = cfg or SharpenerConfig()
        outputs = cfg.planes * SCALE**2
        self.enter = nn.Conv2d(cfg.planes, cfg.width, 3)
        self.blocks = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(cfg.width, cfg.width, 3, padding=1) for _ in range(2))
            for _ in range(cfg.blocks)
        )
        self.leave = nn.Conv2d(cfg.width, outputs, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias) if self.leave.bias is not None else None
        self.register_buffer("cubic", cubic_kernels(cfg.planes), persistent=False)

    def forward(self, field: Tensor) -> Tensor:
        """Finer by `SCALE`; beyond the edges the field is taken to go on as it is there."""
        around = _edged(field)
        smooth = F.conv2d(around, self.cubic)
        x = F.relu(self.enter(around[..., 1:-1, 1:-1]))
        for block in self.blocks:
            assert isinstance(block, nn.ModuleList)
            x = F.relu(x + block[1](F.relu(block[0](x))))
        # leaving interpolation and details apart until here costs one product instead of two shuffles
        fine: Tensor = F.pixel_shuffle(smooth + _unlatticed(self.leave(x)), SCALE)
        return fine.clamp(-1, 1)


def _unlatticed(details: Tensor) -> Tensor:
    """Details (b, planes * 16, h, w) without what is the same in one corner of every coarse pixel around.

    Each of the 16 places inside a coarse pixel has weights of its own, and so a bias of its own wherever the
    picture is alike: seen large, a grid. Its local mean is the grid and nothing else.
    """
    mean = F.avg_pool2d(details, ALIKE, 1, ALIKE // 2, count_include_pad=False)
    b, c, h, w = mean.shape
    corners = mean.reshape(b, c // SCALE**2, SCALE**2, h, w)
    return details - (corners - corners.mean(2, keepdim=True)).reshape(b, c, h, w)


def _edged(x: Tensor) -> Tensor:
    """Two more of the outermost pixels all around; written out, so that every library runs the graph."""
    left, right = x[..., :1], x[..., -1:]
    x = torch.cat((left, left, x, right, right), dim=-1)
    top, bottom = x[..., :1, :], x[..., -1:, :]
    return torch.cat((top, top, x, bottom, bottom), dim=-2)


def cubic_kernels(planes: int) -> Tensor:
    """(planes * 16, planes, 5, 5): cubic interpolation to four times the size, as one convolution.

    Keys 1981. Finer pixel k of a coarse one lies (2 k - 3) / 8 coarse pixels from its middle.
    """
    taps = torch.arange(-2, 3, dtype=torch.float32)
    offsets = (2 * torch.arange(SCALE, dtype=torch.float32) - SCALE + 1) / (2 * SCALE)
    d = (taps[None] - offsets[:, None]).abs()
    near = ((CUBIC + 2) * d - (CUBIC + 3)) * d * d + 1
    far = ((CUBIC * d - 5 * CUBIC) * d + 8 * CUBIC) * d - 4 * CUBIC
    row = torch.where(d <= 1, near, torch.where(d < 2, far, torch.zeros_like(d)))
    kernels = (row[:, None, :, None] * row[None, :, None, :]).reshape(SCALE**2, 5, 5)
    whole = torch.zeros(planes, SCALE**2, planes, 5, 5)
    for plane in range(planes):
        whole[plane, :, plane] = kernels
    return whole.flatten(0, 1)
