"""The diffusion block: a light U-Net on fields, with attention where tokens are few.

Nearly all that it computes are products of features at one place: a full convolution costs nine times as
much for what a convolution of each channel by itself and attention carry between places (Liu et al. 2022,
"A ConvNet for the 2020s"). A stream's frame has a third of 1/60 s on plain cores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from phosphene.diffusion.lsd.modules.condition import COORDINATES, coordinates
from phosphene.diffusion.lsd.modules.memory import Attention, ContextMemory
from phosphene.diffusion.lsd.modules.plan import Plan
from phosphene.kernels.reference import norm_silu_film

PATCH = 2
"""field pixels a side of an outermost token: with 4 a faint weave of 4 pixels shows in soft areas"""
AROUND = 3
"""tokens a side that a channel sees of itself"""
EXPAND = 2
"""of a mixer's width, how wide it is inside"""


@dataclass(frozen=True)
class DiffusionConfig:
    """Widths at a half, a quarter, ... of the field's size, and blocks on the way down at each.

    latent: planes of a field.
    """

    latent: int = 2
    widths: tuple[int, ...] = (24, 96, 192)
    blocks: tuple[int, ...] = (1, 2, 4)
    groups: int = 8


Norm = Callable[..., Tensor]
"""group norm, FiLM and SiLU in one, see `phosphene.kernels.reference.norm_silu_film`"""


class Block(nn.Module):
    """GroupNorm, SiLU, convolution, twice, with FiLM between and a zero-initialised end."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.norm_silu_film: Norm = norm_silu_film
        self.norm1 = nn.GroupNorm(groups, width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, film: Tensor) -> Tensor:
        """x (b, width, h, w), film (b, 2 width)."""
        first = self.norm1
        scale, shift = film.chunk(2, dim=1)
        h = self.conv1(self.norm_silu_film(x, first.num_groups, (first.weight, first.bias)))
        h = self.norm_silu_film(h, first.num_groups, None, (scale, shift))
        out: Tensor = x + self.conv2(h)
        return out


class Mixer(nn.Module):
    """Each channel looks around, FiLM, then the channels of each place are mixed; a zero-initialised end."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.norm_silu_film: Norm = norm_silu_film
        self.groups = groups
        self.around = nn.Conv2d(width, width, AROUND, padding=AROUND // 2, groups=width)
        self.widen = nn.Conv2d(width, EXPAND * width, 1)
        self.narrow = nn.Conv2d(EXPAND * width, width, 1)
        nn.init.zeros_(self.narrow.weight)

    def forward(self, x: Tensor, film: Tensor) -> Tensor:
        """x (b, width, h, w), film (b, 2 width)."""
        scale, shift = film.chunk(2, dim=1)
        h = self.norm_silu_film(self.around(x), self.groups, None, (scale, shift))
        out: Tensor = x + self.narrow(F.silu(self.widen(h)))
        return out


class DiffusionBlock(nn.Module):
    """Planes in, planes out at the field's size; what they mean is `lsd.LSD`'s business."""

    def __init__(
        self, cfg: DiffusionConfig, inputs: int, outputs: int, condition: int, text: int
    ) -> None:
        super().__init__()
        self.cfg = cfg
        first, last = cfg.widths[0], cfg.widths[-1]
        self.enter = nn.Conv2d(inputs * PATCH**2, first, 3, padding=1)
        self.down = nn.ModuleList(
            nn.ModuleList(self._block(w) for _ in range(n))
            for w, n in zip(cfg.widths, cfg.blocks, strict=True)
        )
        self.places = nn.ModuleList(nn.Conv2d(COORDINATES, w, 1) for w in cfg.widths)
        self.plan = Plan(text, condition, cfg.widths)
        self.memory = ContextMemory(cfg.latent, last, cfg.groups)
        self.deep = nn.ModuleList(Attention(last, cfg.groups) for _ in range(cfg.blocks[-1] - 1))
        self.up = nn.ModuleList(
            nn.ModuleList(self._block(w) for _ in range(n))
            for w, n in zip(cfg.widths[:-1], cfg.blocks[:-1], strict=True)
        )
        pairs = list(zip(cfg.widths, cfg.widths[1:], strict=False))
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairs)
        self.grow = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairs)
        self.norm_silu_film: Norm = norm_silu_film
        self.norm = nn.GroupNorm(cfg.groups, first)
        self.leave = nn.Conv2d(first, outputs * PATCH**2, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias) if self.leave.bias is not None else None
        # one product for all the FiLM vectors of a frame: many small ones cost more than they compute
        self.sizes = [2 * width for width in self._block_widths()]
        self.film = nn.Linear(condition, sum(self.sizes))
        nn.init.zeros_(self.film.weight)
        # each block's vector is scales, then shifts: 1 and 0 at first
        with torch.no_grad():
            for part in torch.split(self.film.bias, self.sizes):
                part.copy_((torch.arange(len(part)) < len(part) // 2).float())

    def _block(self, width: int) -> Block | Mixer:
        """Lines are drawn by full convolutions, where there are few channels; the rest by mixers."""
        return (Block if width == self.cfg.widths[0] else Mixer)(width, self.cfg.groups)

    def _block_widths(self) -> list[int]:
        down = [w for w, n in zip(self.cfg.widths, self.cfg.blocks, strict=True) for _ in range(n)]
        rising = reversed(list(zip(self.cfg.widths, self.up, strict=False)))
        return down + [w for w, blocks in rising for _ in blocks]  # type: ignore[attr-defined]

    def forward(
        self,
        x: Tensor,
        condition: Tensor,
        memory: Tensor,
        age: Tensor,
        code: Tensor,
        has_plan: Tensor,
    ) -> Tensor:
        """(b, outputs, h, w) from x (b, inputs, h, w); height and width are multiples of `PATCH`.

        Args:
            condition: (b, condition).
            memory, age: see `ContextMemory`.
            code, has_plan: see `Plan`.
        """
        x = self.enter(F.pixel_unshuffle(x, PATCH))
        condition, laid = self.plan(code, has_plan, condition, x)
        films = iter(torch.split(self.film(condition), self.sizes, dim=1))
        skips: list[Tensor] = []
        where: list[Tensor] = []
        for level, blocks in enumerate(self.down):
            if level:
                skips.append(x)
                x = self.shrink[level - 1](x)
                laid = F.avg_pool2d(laid, 2, ceil_mode=True)
            x = x + self.plan.levels[level](laid)
            where.append(coordinates(x))
            x = x + self.places[level](where[level])
            assert isinstance(blocks, nn.ModuleList)
            for index, block in enumerate(blocks):
                x = block(x, next(films))
                if level == len(self.down) - 1:
                    x = (
                        self.deep[index - 1](x, where[level])
                        if index
                        else self.memory(x, where[level], memory, age)
                    )
        for level in reversed(range(len(self.up))):
            skip = skips.pop()
            # to the skip's own size, so that odd sizes work
            x = skip + F.interpolate(self.grow[level](x), size=skip.shape[-2:], mode="nearest")
            for block in cast(nn.ModuleList, self.up[level]):
                x = block(x, next(films))
        x = self.norm_silu_film(x, self.cfg.groups, (self.norm.weight, self.norm.bias))
        out: Tensor = F.pixel_shuffle(self.leave(x), PATCH)
        return out

    def use(self, norm: Norm) -> None:
        """Have norms computed by another function, such as a kernel."""
        for module in self.modules():
            if isinstance(module, (Block, Mixer, DiffusionBlock)):
                module.norm_silu_film = norm
