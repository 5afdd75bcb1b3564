"""The context memory's read-out: attention from the frame being drawn to frames drawn long before.

What is remembered, and when, is `phosphene.stream.memory`; here it is only looked at.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from phosphene.diffusion.lsd.modules.condition import COORDINATES, coordinates

PATCH = 16
"""latent pixels a side that become one memory token: of long ago it is enough to know what was where"""
HALVED = 2
"""memories are looked at in half their size"""
OLDEST = 240.0
"""frames; older memories count as this old"""


def attend(
    query: Tensor, key: Tensor, value: Tensor, heads: int, hidden: Tensor | None = None
) -> Tensor:
    """Attention of tokens (b, n, width) to (b, m, width); `hidden` is added to the scores."""

    # written out, as the exported graph then is a few matrix products
    def split(z: Tensor) -> Tensor:
        return z.reshape(*z.shape[:2], heads, -1).transpose(1, 2)

    q, k, v = split(query), split(key), split(value)
    score = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    if hidden is not None:
        score = score + hidden
    seen: Tensor = (score.softmax(-1) @ v).transpose(1, 2).flatten(2)
    return seen


class Attention(nn.Module):
    """The frame's features attend to themselves, told where they lie. Starts as the identity."""

    def __init__(self, width: int, groups: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(groups, width)
        self.place = nn.Conv2d(COORDINATES, width, 1)
        self.own = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, where: Tensor) -> Tensor:
        """(b, width, h, w) to the same; ``where`` are its coordinates."""
        tokens = (self.norm(x) + self.place(where)).flatten(2).transpose(1, 2)
        query, key, value = self.own(tokens).chunk(3, dim=-1)
        seen = self.out(attend(query, key, value, self.heads))
        out: Tensor = x + seen.transpose(1, 2).reshape(x.shape)
        return out


class ContextMemory(nn.Module):
    """The frame's own features attend to themselves and to every remembered latent, in one softmax.

    Starts as the identity. An empty memory, or one that does not help, is passed over through a token
    that stands for nothing.
    """

    def __init__(self, latent: int, width: int, groups: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(groups, width)
        self.place = nn.Conv2d(COORDINATES, width, 1)
        side = PATCH // HALVED
        self.patches = nn.Conv2d(latent, width, side, stride=side)
        self.age = nn.Linear(1, width)
        self.own = nn.Linear(width, 3 * width)
        self.past = nn.Linear(width, 2 * width)
        self.nothing = nn.Parameter(torch.randn(2, 1, 1, width) * 0.02)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, where: Tensor, memory: Tensor, age: Tensor) -> Tensor:
        """Features (b, width, h, w) after looking at `memory`.

        Args:
            where: coordinates of the features.
            memory: (b, m, c, H, W) clean latents.
            age: (b, m) frames ago, 0 for an empty slot.
        """
        b, width, h, w = x.shape
        tokens = (self.norm(x) + self.place(where)).flatten(2).transpose(1, 2)
        query, key, value = self.own(tokens).chunk(3, dim=-1)
        past_key, past_value = self.past(self._tokens(memory, age)).chunk(2, dim=-1)
        nothing = self.nothing.expand(2, b, 1, width)
        keys = torch.cat((nothing[0], key, past_key), dim=1)
        values = torch.cat((nothing[1], value, past_value), dim=1)
        hidden = self._hide(age, past_key.shape[1], 1 + h * w)
        seen = attend(query, keys, values, self.heads, hidden)
        out: Tensor = x + self.out(seen).transpose(1, 2).reshape(b, width, h, w)
        return out

    def _tokens(self, memory: Tensor, age: Tensor) -> Tensor:
        """(b, m * patches, width)."""
        b = age.shape[0]
        patches = self.patches(F.avg_pool2d(memory.flatten(0, 1), HALVED))
        patches = patches + self.place(coordinates(patches))
        told = self.age((age.clamp(0, OLDEST)[..., None] + 1).log() / math.log(OLDEST + 1))
        tokens: Tensor = patches.flatten(2).transpose(1, 2) + told.flatten(0, 1)[:, None]
        return tokens.reshape(b, -1, tokens.shape[-1])

    def _hide(self, age: Tensor, past: int, before: int) -> Tensor:
        """(b, 1, 1, keys): very negative where a slot is empty."""
        b, m = age.shape
        empty = (age <= 0).float() * -1e4
        tail = empty[:, :, None].expand(b, m, past // m).reshape(b, 1, 1, past)
        return torch.cat((tail.new_zeros(b, 1, 1, before), tail), dim=-1)
