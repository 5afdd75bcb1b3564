"""The temporal consistency network: keep what has only moved, redraw what is new.

A small network looks at the new picture and the last one, says where every part of the last one has gone
(a flow), and how far to trust it there (a gate). The past is moved before it is mixed in: a blend of
pictures that do not lie on one another is a blur and leaves ghosts.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

REACH = 4.0
"""latent pixels, longest arrow of the flow"""
DOUBT = -3.0
"""logit of the untrained gate: one part past in twenty"""
PATCH = 2
"""latent pixels a side that are looked at together"""


class TemporalConsistency(nn.Module):
    """Picture and past in, steadied picture out."""

    def __init__(self, latent: int, condition: int, width: int = 24) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3 * latent * PATCH**2, width, 3, padding=1)
        self.film = nn.Linear(condition, 2 * width)
        self.coarse = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.mixed = nn.Conv2d(2 * width, width, 3, padding=1)
        self.look_at = nn.Conv2d(width, 3 * PATCH**2, 3, padding=1)
        for layer in (self.film, self.look_at):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias) if layer.bias is not None else None

    def forward(
        self, picture: Tensor, previous: Tensor, has_previous: Tensor, condition: Tensor
    ) -> Tensor:
        """The picture (b, c, h, w), mixed with the moved past.

        Args:
            previous: (b, c, h, w) last output.
            has_previous: (b,) 0 or 1; 0 returns the picture itself.
            condition: (b, condition).
        """
        moved, gate = self.look(picture, previous, condition)
        gate = gate * has_previous[:, None, None, None]
        return picture + gate * (moved - picture)

    def look(self, picture: Tensor, previous: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """The past moved onto the picture (b, c, h, w), and the trust in it (b, 1, h, w) in 0..1."""
        scale, shift = self.film(condition)[..., None, None].chunk(2, dim=1)
        # how much has changed speaks against the past, whatever its sign
        change = previous - picture
        seen = F.pixel_unshuffle(torch.cat((picture, change, change.abs()), dim=1), PATCH)
        x = F.silu(self.enter(seen) * (1 + scale) + shift)
        deep = F.silu(self.mixed(F.silu(self.coarse(x))))
        x = x + F.interpolate(deep, size=x.shape[-2:], mode="nearest")
        told = F.pixel_shuffle(self.look_at(x), PATCH)
        return move(previous, REACH * torch.tanh(told[:, :2])), torch.sigmoid(told[:, 2:] + DOUBT)


def move(latent: Tensor, flow: Tensor) -> Tensor:
    """Sample a latent (b, c, h, w) at each pixel plus flow (b, 2, h, w), x then y, pixels; edges repeat."""
    h, w = latent.shape[-2:]
    y = torch.arange(h, device=latent.device, dtype=latent.dtype)[:, None].expand(h, w)
    x = torch.arange(w, device=latent.device, dtype=latent.dtype)[None, :].expand(h, w)
    u = (2 * (x + flow[:, 0]) + 1) / w - 1
    v = (2 * (y + flow[:, 1]) + 1) / h - 1
    grid = torch.stack((u, v), dim=-1)
    return F.grid_sample(
        latent.to(grid.dtype), grid, mode="bilinear", padding_mode="border", align_corners=False
    )
