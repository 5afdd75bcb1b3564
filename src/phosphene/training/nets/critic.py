"""Critics: networks that tell made pictures from rendered ones. Used in training only."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Down(nn.Module):
    """Residual block that halves the picture."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, inside, 3, padding=1)
        self.second = nn.Conv2d(inside, outside, 4, stride=2, padding=1)
        self.skip = nn.Conv2d(inside, outside, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.second(F.leaky_relu(self.first(F.leaky_relu(x, 0.2)), 0.2))
        out: Tensor = (h + self.skip(F.avg_pool2d(x, 2))) * 0.7071
        return out


class FieldCritic(nn.Module):
    """Is this what the renderer draws there? Fine fields beside coarse ones -> (b, n) logits of patches."""

    def __init__(self, scale: int, width: int = 24) -> None:
        super().__init__()
        self.scale = scale
        self.look = nn.Sequential(
            nn.Conv2d(2 * scale**2 + 2, width, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, scale**2, 3, padding=1),
        )

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """fine (b, 2, scale h, scale w), coarse (b, 2, h, w)."""
        both = torch.cat((F.pixel_unshuffle(fine, self.scale), coarse), dim=1)
        logits: Tensor = self.look(both)
        return logits.flatten(1)


class StreamCritic(nn.Module):
    """Is this the next frame of such a video? Logits (b, n) of patches, and of the whole with its prompt.

    Looks at a latent and at the one before it, so that frozen and jumping pictures give themselves away.
    """

    def __init__(self, latent: int, text: int, audio: int, width: int = 64) -> None:
        super().__init__()
        self.enter = nn.Conv2d(2 * latent + 1, width, 3, padding=1)
        self.down = nn.ModuleList((Down(width, 2 * width), Down(2 * width, 4 * width)))
        self.judge = nn.ModuleList(
            (nn.Conv2d(2 * width, 1, 3, padding=1), nn.Conv2d(4 * width, 1, 3, padding=1))
        )
        self.whole = nn.Sequential(nn.Linear(8 * width, 4 * width), nn.LeakyReLU(0.2))
        self.meaning = nn.Sequential(
            nn.Linear(text + audio, 4 * width), nn.LeakyReLU(0.2), nn.Linear(4 * width, 4 * width)
        )

    def forward(
        self, latent: Tensor, previous: Tensor, has_previous: Tensor, text: Tensor, audio: Tensor
    ) -> Tensor:
        """latent, previous (b, c, h, w); has_previous (b,); text (b, seq, text); audio (b, 5)."""
        has = has_previous[:, None, None, None]
        past = torch.where(has > 0, previous - latent, torch.zeros_like(latent))
        x = self.enter(torch.cat((latent, past, has.expand_as(latent[:, :1])), dim=1))
        logits = []
        for down, judge in zip(self.down, self.judge, strict=True):
            x = down(x)
            logits.append(judge(F.leaky_relu(x, 0.2)).flatten(1))
        h = F.leaky_relu(x, 0.2)
        pooled = self.whole(torch.cat((h.mean((2, 3)), h.std((2, 3))), dim=-1))
        meaning = self.meaning(torch.cat((text.mean(1), audio), dim=-1))
        fits = (pooled * meaning).sum(-1, keepdim=True) * pooled.shape[-1] ** -0.5
        # the prompt's verdict weighs as much as all patches of one size
        return torch.cat((*logits, fits.expand_as(logits[-1])), dim=1)
