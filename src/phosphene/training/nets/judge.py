"""The judge: a small classifier of patterns and palettes."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def _down(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride=2, padding=1),
        nn.BatchNorm2d(outside),
        nn.ReLU(),
        nn.Conv2d(outside, outside, 3, padding=1),
        nn.BatchNorm2d(outside),
        nn.ReLU(),
    )


class JudgeNet(nn.Module):
    """(b, 3, 64, 64) in [0, 1] -> logits (b, patterns) and (b, palettes).

    Patterns are judged on shapes whose colours have been scrambled, palettes on colours.
    """

    def __init__(self, patterns: int, palettes: int, width: int = 32) -> None:
        super().__init__()
        self.shape = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1),
            nn.ReLU(),
            _down(width, 2 * width),
            _down(2 * width, 3 * width),
            _down(3 * width, 4 * width),
        )
        self.pattern = nn.Sequential(nn.Dropout(0.1), nn.Linear(8 * width, patterns))
        self.colour = nn.Sequential(nn.Conv2d(3, width, 1), nn.ReLU(), _down(width, width))
        self.palette = nn.Linear(2 * width, palettes)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        grey = frames.mean(1, keepdim=True)
        mean = grey.mean((2, 3), keepdim=True)
        spread = (grey - mean).square().mean((2, 3), keepdim=True).sqrt()
        shape = self.shape((grey - mean) / (spread + 0.03))
        # averages tell textures, maxima tell single things
        pooled = torch.cat((shape.mean((2, 3)), shape.amax((2, 3))), dim=1)
        colour = self.colour(frames)
        hues = torch.cat((colour.mean((2, 3)), colour.amax((2, 3))), dim=1)
        return self.pattern(pooled), self.palette(hues)
