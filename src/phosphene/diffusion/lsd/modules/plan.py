"""The plan of a picture from nothing: how many petals, turned how far, what lies where.

A picture that many places must agree on can't be made out in pure noise, where every place guesses for
itself. Its plan is drawn first, as a few numbers, as a conditional variational autoencoder does (Sohn et al.
2015, "Learning structured output representation using deep conditional generative models"): in training a
reader looks at the picture to be drawn and says its plan, in a show the plan is drawn from what the prompt
makes likely.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from phosphene.diffusion.lsd.feeds import PLAN_SIZE
from phosphene.diffusion.lsd.modules.condition import places, turns

PLANES = 8
"""pictures that a plan is laid out as"""
HARMONICS = 12
"""most petals that are laid out at once"""
RINGS = (0.06, 0.16, 0.28, 0.42, 0.6, 0.8, 1.05, 1.4)
"""radii about which they are laid out; the shorter side spans [-1, 1]"""
WAVES = 5
"""cosines along either side, for what has no middle"""
BASIS = len(RINGS) * (1 + 2 * HARMONICS) + WAVES * WAVES
HIDDEN = 128
SURE = 3.0
"""most that a prior's log deviation is off 0"""


class Plan(nn.Module):
    """From a prompt and a few normal numbers to pictures of what lies where.

    Args:
        text: length of a prompt's vector.
        condition: length of the frame's vector, see `Condition`.
        widths: channels of the levels that the pictures are given to.
    """

    def __init__(self, text: int, condition: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        last = nn.Linear(HIDDEN, 2 * PLAN_SIZE)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.likely = nn.Sequential(nn.Linear(text, HIDDEN), nn.SiLU(), last)
        self.told = nn.Linear(PLAN_SIZE, condition)
        self.mixed = nn.Linear(PLAN_SIZE + condition, 2 * HIDDEN)
        self.laid = nn.Linear(2 * HIDDEN, PLANES * BASIS)
        nn.init.normal_(self.laid.weight, std=0.2 * (2 * HIDDEN * BASIS) ** -0.5)
        nn.init.zeros_(self.laid.bias)
        self.levels = nn.ModuleList(nn.Conv2d(PLANES, width, 1, bias=False) for width in widths)

    def prior(self, text: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log deviation (b, PLAN_SIZE) of the plans of prompts (b, seq, text)."""
        mean, log = self.likely(text.mean(1)).chunk(2, dim=1)
        return mean, SURE * torch.tanh(log / SURE)

    def code(self, text: Tensor, normal: Tensor) -> Tensor:
        """A plan (b, PLAN_SIZE) of the prompt's, from normal numbers (b, PLAN_SIZE)."""
        mean, log = self.prior(text)
        return mean + log.exp() * normal

    def forward(
        self, code: Tensor, has: Tensor, vector: Tensor, like: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The frame's vector (b, condition) that knows the plan, and its pictures (b, PLANES, h, w).

        Args:
            code: (b, PLAN_SIZE).
            has: (b,) 0 or 1; without a plan the vector is as it was, the pictures are blank.
            vector: (b, condition).
            like: (b, c, h, w) of the pictures' size.
        """
        mixed = F.silu(self.mixed(torch.cat((code, vector), dim=1)))
        weights = self.laid(mixed).reshape(code.shape[0], BASIS, PLANES)
        h, w = like.shape[-2:]
        # the many places first: turned round, a product of so few rows takes eight times as long
        laid = (basis(like).transpose(0, 1) @ weights).transpose(1, 2)
        laid = laid.reshape(code.shape[0], PLANES, h, w)
        there = has[:, None]
        return vector + there * self.told(code), laid * there[..., None, None]


def basis(like: Tensor) -> Tensor:
    """(BASIS, h * w): petals on rings, and waves along both sides."""
    h, w = like.shape[-2:]
    x, y = (plane.reshape(1, h * w) for plane in places(like))
    r = (x * x + y * y + 1e-4).sqrt()
    angles = torch.cat((torch.ones_like(r), *turns(x / r, y / r, HARMONICS)))
    near = r.new_tensor(RINGS)[:, None]
    # neighbours overlap by about half
    rings = torch.exp(-(((r - near) / (0.05 + 0.22 * near)) ** 2))
    petals = (angles[:, None] * rings[None]).reshape(-1, h * w)
    steps = torch.arange(WAVES, device=like.device, dtype=torch.float32)[:, None]
    across, along = (torch.cos(0.5 * math.pi * steps * (plane + 1)) for plane in (x, y))
    waves = (across[:, None] * along[None]).reshape(-1, h * w)
    return torch.cat((petals, waves))


class PlanReader(nn.Module):
    """What plan a field has; needed in training alone.

    It looks at the field as it is, and at how much of which harmonic lies on which ring.
    """

    def __init__(self, latent: int, text: int, width: int = 48) -> None:
        super().__init__()
        self.enter = nn.Sequential(
            nn.PixelUnshuffle(4), nn.Conv2d(16 * latent, width, 3, padding=1)
        )
        self.look = nn.Sequential(
            nn.SiLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
        )
        self.seen = nn.Linear(2 * latent * BASIS, 4 * width)
        self.told = nn.Linear(text, 4 * width)
        self.out = nn.Sequential(
            nn.SiLU(),
            nn.Linear(4 * width, 4 * width),
            nn.SiLU(),
        )
        self.joined = nn.Linear(32 * width, 4 * width)
        self.leave = nn.Linear(4 * width, 2 * PLAN_SIZE)

    def forward(self, field: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log deviation (b, PLAN_SIZE) of the plans of fields (b, latent, h, w).

        ``text`` (b, seq, text) are their prompts.
        """
        small = F.avg_pool2d(field, 2)
        shapes = basis(small)
        shapes = shapes / shapes.square().sum(1, keepdim=True).sqrt()
        share = small.flatten(2) @ shapes.mT * 0.25
        # steep places too: a thin line has a plan and hardly a mean
        edges = F.avg_pool2d((field - F.avg_pool2d(field, 3, 1, 1)).abs(), 2)
        steep = edges.flatten(2) @ shapes.mT
        seen = self.seen(torch.cat((share, steep), dim=1).flatten(1))
        told = self.out(seen + self.joined(self.look(self.enter(field))) + self.told(text.mean(1)))
        mean, log = self.leave(told).chunk(2, dim=1)
        return mean, SURE * torch.tanh((log - 1) / SURE)


def unlikeliness(seen: tuple[Tensor, Tensor], likely: tuple[Tensor, Tensor]) -> Tensor:
    """(b,) nats that plans, as they were seen, are off what a prompt makes likely (Kullback and Leibler)."""
    (mean, log), (prior, wide) = seen, likely
    off = (mean - prior) * torch.exp(-wide)
    nats: Tensor = wide - log + 0.5 * (torch.exp(2 * (log - wide)) + off * off - 1)
    return nats.sum(1)
