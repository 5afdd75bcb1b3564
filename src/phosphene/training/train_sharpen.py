"""Stage 3: the sharpener, from the renderer's own fields at both sizes, damaged as streams damage them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from phosphene.diffusion.lsd.modules.sharpener import SCALE, Sharpener, SharpenerConfig
from phosphene.training import losses, runtime, sheets
from phosphene.training.clips import Drawn, planes
from phosphene.training.config import SharpenSettings
from phosphene.training.nets.critic import FieldCritic
from phosphene.training.stage import CriticStage, Figures

MIXED, MOST_MIXED = 0.15, 0.4
"""share of fields that another shines through, as while prompts change, and how much"""
BLURRED, MOST_BLURRED = 0.5, 0.5
NOISY, MOST_NOISY = 0.5, 0.06
UNLIT = 0.25
"""how much a place in the palette counts where there is no light to see it by"""
SHOWN = 8
"""fields on a sheet"""


class SharpenStage(CriticStage):
    """The sharpener on pairs: coarse (n, 2, h, w) and fine (n, 2, 4h, 4w), both bytes."""

    name = "sharpen"

    def __init__(
        self,
        cfg: SharpenSettings,
        pairs: tuple[Tensor, Tensor],
        device: torch.device,
        start: dict[str, Tensor] | None = None,
    ) -> None:
        torch.manual_seed(2)
        self.minutes = cfg.minutes
        self._cfg, self._device = cfg, device
        self._coarse, self._fine = (side.to(device) for side in pairs)
        net = Sharpener(SharpenerConfig(width=cfg.width, blocks=cfg.blocks))
        if start is not None:
            net.load_state_dict(start)
        self.net = runtime.place(net, device)
        self.average = runtime.Average(self.net, cfg.average)
        self._critic = runtime.place(FieldCritic(SCALE, cfg.critic_width), device)
        self._optim = torch.optim.AdamW(
            self.net.parameters(), lr=cfg.rate, betas=(0.9, 0.98), weight_decay=1e-4
        )
        self._critic_optim = torch.optim.AdamW(
            self._critic.parameters(), lr=cfg.rate / 2, betas=(0.0, 0.99)
        )

    def step(self, step: int, progress: float) -> Figures:
        cfg = self._cfg
        runtime.set_rate(self._optim, runtime.learning_rate(cfg.rate, step, progress, 100))
        coarse, fine = sharpen_batch(self._coarse, self._fine, cfg.batch, cfg.crop)
        seen = visible(fine)
        with runtime.fast_math(self._device):
            out = self.net(coarse).float()
        faithful = losses.reconstruction_loss(out * seen, fine * seen)
        faithful = faithful + cfg.crisp * losses.crispness_loss(out * seen, fine * seen)
        self.net.zero_grad(set_to_none=True)
        figures = {"faithful": faithful.detach(), "gradients": steep(out, seen) / steep(fine, seen)}
        if progress >= cfg.sharp_from and cfg.sharp > 0:
            said = self._critic(fine * seen, coarse), self._critic(out * seen, coarse)
            losses.balanced_backward(out, faithful, losses.maker_loss(*said), cfg.sharp)
            figures["critic"] = self._learn(fine * seen, out.detach() * seen, coarse)
        else:
            faithful.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self._optim.step()
        self.average.update(self.net)
        return figures

    def _learn(self, fine: Tensor, made: Tensor, coarse: Tensor) -> Tensor:
        """Tell made fields from drawn ones a little better."""
        noise = self._cfg.critic_noise
        clear = [self._critic(x, coarse) for x in (fine, made)]
        disturbed = [self._critic(x + noise * torch.randn_like(x), coarse) for x in (fine, made)]
        loss = losses.critic_loss(*clear)
        total = loss + sum(
            losses.steepness(a, b, noise) for a, b in zip(clear, disturbed, strict=True)
        )
        self.teach(total)
        return loss.detach()

    @torch.no_grad()
    def report(self, sheet: Path) -> dict[str, float]:
        net = self.average.module
        pick = torch.linspace(0, len(self._coarse) - 1, SHOWN, device=self._device).long()
        coarse, fine = planes(self._coarse[pick]), planes(self._fine[pick])
        made = net(coarse)
        smooth = F.interpolate(coarse, scale_factor=SCALE, mode="bicubic").clamp(-1, 1)
        rows = torch.stack([sheets.seen(row) for row in (smooth, made, fine)])
        sheets.save_sheet(sheet, rows)
        seen = visible(fine)
        return {
            "gradients": float(steep(made, seen) / steep(fine, seen)),
            "error": float((made - fine).abs().mul(seen).mean()),
            "error_of_cubic": float((smooth - fine).abs().mul(seen).mean()),
        }


def gather_pairs(batches: Iterator[Drawn]) -> tuple[Tensor, Tensor]:
    """The last frames of clips at both sizes."""
    coarse, fine = [], []
    for batch in batches:
        if batch.fine is not None:
            coarse.append(batch.fields[:, -1])
            fine.append(batch.fine)
    return torch.cat(coarse), torch.cat(fine)


def sharpen_batch(coarse: Tensor, fine: Tensor, count: int, crop: int) -> tuple[Tensor, Tensor]:
    """Crops of both, `crop` coarse pixels a side, the coarse ones damaged."""
    h, w = coarse.shape[-2:]
    crop = min(crop, h, w)
    low, high = [], []
    for row in torch.randint(len(coarse), (count,)).tolist():
        y, x = int(torch.randint(h - crop + 1, ())), int(torch.randint(w - crop + 1, ()))
        low.append(coarse[row, :, y : y + crop, x : x + crop])
        y, x, side = SCALE * y, SCALE * x, SCALE * crop
        high.append(fine[row, :, y : y + side, x : x + side])
    small, large = planes(torch.stack(low)), planes(torch.stack(high))
    if torch.rand(()) < 0.5:
        small, large = small.flip(-1), large.flip(-1)

    def some(share: float, most: float) -> Tensor:
        on = torch.rand(count, 1, 1, 1, device=small.device) < share
        return on * most * torch.rand(count, 1, 1, 1, device=small.device)

    mixed, other = some(MIXED, MOST_MIXED), torch.randperm(count, device=small.device)
    small, large = small + mixed * (small[other] - small), large + mixed * (large[other] - large)
    soft = F.avg_pool2d(F.pad(small, (1, 1, 1, 1), mode="replicate"), 3, 1)
    small = small + some(BLURRED, MOST_BLURRED) * (soft - small)
    small = small + some(NOISY, MOST_NOISY) * torch.randn_like(small)
    return small.clamp(-1, 1), large


def visible(field: Tensor) -> Tensor:
    """(b, 2, h, w) how much each number of a field matters to the eye: a place needs light to be seen."""
    lit = UNLIT + (1 - UNLIT) * (field[:, 1:] + 1).clamp(0, 1)
    return torch.cat((lit, torch.ones_like(lit)), dim=1)


def steep(field: Tensor, seen: Tensor) -> Tensor:
    """Mean difference of neighbours."""
    x = field.detach() * seen
    return x.diff(dim=-1).abs().mean() + x.diff(dim=-2).abs().mean()


def load_sharpener(path: Path, cfg: SharpenSettings, device: torch.device) -> Sharpener:
    """The averaged network of a checkpoint, frozen."""
    net = Sharpener(SharpenerConfig(width=cfg.width, blocks=cfg.blocks)).to(device)
    net.load_state_dict(runtime.load(path, device)["stage"]["average"])
    return net.eval().requires_grad_(False)
