"""The judge: a small classifier of patterns; it looks at fields: no palette hides or lends a shape."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH = 2
"""field pixels a side of a token"""


def _layer(inside: int, outside: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride=stride, padding=1),
        nn.BatchNorm2d(outside),
        nn.ReLU(),
    )


class JudgeNet(nn.Module):
    """Fields (b, 2, 64, 64) in [-1, 1] -> logits (b, patterns)."""

    def __init__(self, patterns: int, width: int = 48) -> None:
        super().__init__()
        self.look = nn.Sequential(
            _layer(3 * PATCH**2, width),
            _layer(width, width),
            _layer(width, 2 * width, 2),
            _layer(2 * width, 2 * width),
            _layer(2 * width, 3 * width, 2),
            _layer(3 * width, 3 * width),
        )
        self.pattern = nn.Sequential(nn.Dropout(0.1), nn.Linear(6 * width, patterns))

    def forward(self, fields: Tensor) -> Tensor:
        place, light = fields.clamp(-1, 1).chunk(2, dim=1)
        # what is seen in a palette from dark to light
        seen = (place + 1) * (light + 1) - 1
        told = self.look(F.pixel_unshuffle(torch.cat((place, light, seen), dim=1), PATCH))
        # averages tell textures, maxima tell single things
        logits: Tensor = self.pattern(torch.cat((told.mean((2, 3)), told.amax((2, 3))), dim=1))
        return logits
