"""The diffusion block: a light U-Net on latents with GroupNorm, SiLU and FiLM."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from phosphene.training.nets.condition import COORDINATES, coordinates
from phosphene.training.nets.memory import ContextMemory


@dataclass(frozen=True)
class DiffusionConfig:
    """Widths at the latent's size, a half, a quarter ... of it, and blocks on the way down at each."""

    latent: int = 8
    widths: tuple[int, ...] = (64, 128, 224)
    blocks: tuple[int, ...] = (1, 2, 4)
    groups: int = 8


class Block(nn.Module):
    """GroupNorm, SiLU, convolution, twice, with FiLM between and a zero-initialised end."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, width, affine=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, film: Tensor) -> Tensor:
        """x (b, width, h, w), film (b, 2 width, 1, 1)."""
        scale, shift = film.chunk(2, dim=1)
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.norm2(h) * scale + shift
        out: Tensor = x + self.conv2(F.silu(h))
        return out


class DiffusionBlock(nn.Module):
    """Pictures in, a picture-sized correction out; what it means is `lsd.LSD`'s business."""

    def __init__(self, cfg: DiffusionConfig, inputs: int, outputs: int, condition: int) -> None:
        super().__init__()
        self.cfg = cfg
        first, last = cfg.widths[0], cfg.widths[-1]
        self.enter = nn.Conv2d(inputs + COORDINATES, first, 3, padding=1)
        self.down = nn.ModuleList(
            nn.ModuleList(Block(w, cfg.groups) for _ in range(n))
            for w, n in zip(cfg.widths, cfg.blocks, strict=True)
        )
        self.memory = ContextMemory(cfg.latent, last, cfg.groups)
        self.up = nn.ModuleList(
            nn.ModuleList(Block(w, cfg.groups) for _ in range(n + 1))
            for w, n in zip(cfg.widths[:-1], cfg.blocks[:-1], strict=True)
        )
        pairs = list(zip(cfg.widths, cfg.widths[1:], strict=False))
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairs)
        self.grow = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairs)
        self.norm = nn.GroupNorm(cfg.groups, first)
        self.leave = nn.Conv2d(first, outputs, 3, padding=1)
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

    def _block_widths(self) -> list[int]:
        widths, blocks = self.cfg.widths, self.cfg.blocks
        down = [w for w, n in zip(widths, blocks, strict=True) for _ in range(n)]
        rising = reversed(list(zip(widths[:-1], blocks[:-1], strict=True)))
        return down + [w for w, n in rising for _ in range(n + 1)]

    def forward(self, x: Tensor, condition: Tensor, memory: Tensor, age: Tensor) -> Tensor:
        """(b, outputs, h, w) from x (b, inputs, h, w); any height and width.

        Args:
            condition: (b, condition).
            memory, age: see `ContextMemory`.
        """
        films = iter(torch.split(self.film(condition)[..., None, None], self.sizes, dim=1))
        x = self.enter(torch.cat((x, coordinates(x)), dim=1))
        skips: list[Tensor] = []
        for level, blocks in enumerate(self.down):
            if level:
                skips.append(x)
                x = self.shrink[level - 1](x)
            assert isinstance(blocks, nn.ModuleList)
            for index, block in enumerate(blocks):
                if level == len(self.down) - 1 and index == len(blocks) // 2:
                    x = self.memory(x, memory, age)
                x = block(x, next(films))
        for level in reversed(range(len(self.up))):
            skip = skips.pop()
            # to the skip's own size, so that odd sizes work
            x = skip + F.interpolate(self.grow[level](x), size=skip.shape[-2:], mode="nearest")
            for block in self.up[level]:  # type: ignore[attr-defined]
                x = block(x, next(films))
        out: Tensor = self.leave(F.silu(self.norm(x)))
        return out
