"""Video to video in the renderer: another picture's shapes, drawn in a family's look."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from phosphene.training.render.canvas import Field

SHARE = 0.6
"""how much of the palette position the source decides; the family's texture has the rest"""
BEND = 0.25


def bend(x: Tensor, y: Tensor, structure: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates (n, h, w) that run along the source's shapes, so that the texture wraps them."""
    size = structure.shape[-1]
    kernel = max(3, size // 16) | 1
    soft = F.avg_pool2d(structure[:, None], kernel, 1, kernel // 2, count_include_pad=False)[:, 0]
    padded = F.pad(soft[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    dx = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) * (size / 64)
    dy = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) * (size / 64)
    return x + BEND * dx, y + BEND * dy


def impose(field: Field, structure: Tensor) -> Field:
    """The field with light and dark where the source (n, h, w) has them."""
    value = SHARE * (0.06 + 0.88 * structure) + (1 - SHARE) * field.value
    return Field(value, field.light * (0.45 + 0.65 * structure))
