"""Train the decoders that ship: worn latents of a stream in, the picture that was meant out."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from phosphene.training import losses, runtime, sheets
from phosphene.training.config import DecoderSettings
from phosphene.training.critique import Critique
from phosphene.training.nets.codec import (
    Autoencoder,
    AutoencoderConfig,
    Decoder,
    LargeDecoder,
    psnr,
)
from phosphene.training.stage import Figures, Stage
from phosphene.training.wear import Frames, Worn

SETTLE = 0.92
"""progress from which the critic is silent"""
SETTLE_RATE = 0.4
"""of the highest learning rate, then"""
SHARP = 0.6
"""share of the weights as the critic left them, in what ships; the rest is of those that settled"""

Kind = TypeVar("Kind", Decoder, LargeDecoder)
Weights = dict[str, Tensor]


class DecoderStage(Stage):
    """A decoder goes on learning on what streams leave of latents; those keep their meaning.

    First faithful, then convincing too, then a short while faithful again: what ships lies between the
    last two, which keeps the crisp lines and loses the dots that critics bring (network interpolation,
    Wang et al. 2018, "ESRGAN", sec. 3.4).

    Args:
        name: of its files.
        kind: what to train.
        seen: pictures and their latents; ``pictures`` (n s s 3) at the size that the decoder draws.
        codec: whose decoder it starts from.
    """

    def __init__(
        self,
        name: str,
        kind: type[Decoder] | type[LargeDecoder],
        cfg: DecoderSettings,
        seen: Worn,
        codec: Autoencoder,
        device: torch.device,
    ) -> None:
        self.name, self.minutes = name, cfg.minutes
        self._cfg, self._seen, self._device = cfg, seen, device
        blocks = max(cfg.coarse_blocks, codec.cfg.coarse_blocks)
        self._net_cfg = replace(codec.cfg, coarse_blocks=blocks)
        net = kind(self._net_cfg)
        net.start_from(codec.decoder)
        self._net: Decoder | LargeDecoder = runtime.place(net, device)
        self._average = runtime.Average(self._net, 0.998)
        self._critique = Critique(cfg.critic_width, cfg.sharp_from, cfg.sharp, cfg.rate, device)
        self._optim = torch.optim.AdamW(
            self._net.parameters(), lr=cfg.rate, betas=(0.9, 0.98), weight_decay=1e-3
        )
        self._sharp: Weights = {}
        """the average as the critic left it, once it has"""
        # pictures stay where they are: thousands of large ones are more than a device may hold
        self._clean, self._worn = (
            torch.from_numpy(latents).to(device) for latents in (seen.clean, seen.worn)
        )

    def step(self, step: int, progress: float) -> Figures:
        settling = progress >= SETTLE and self._cfg.sharp > 0
        if settling and not self._sharp:
            self._sharp = {k: v.clone() for k, v in self._average.module.state_dict().items()}
        rate = runtime.learning_rate(self._cfg.rate, step, progress)
        if settling:
            left = (progress - SETTLE) / (1 - SETTLE)
            rate = runtime.learning_rate(SETTLE_RATE * self._cfg.rate, step, left)
        runtime.set_rate(self._optim, rate)
        latent, target = self._crops()
        with runtime.fast_math(self._device):
            output = self._net(latent).float()
        faithful = losses.reconstruction_loss(output, target)
        self._optim.zero_grad(set_to_none=True)
        if settling:
            faithful.backward()  # type: ignore[no-untyped-call]
        else:
            self._critique.backward(faithful, output, target, progress)
        torch.nn.utils.clip_grad_norm_(self._net.parameters(), 1.0)
        self._optim.step()
        self._average.update(self._net)
        critic = {} if settling else self._critique.learn(target, output, progress, rate)
        return {"faithful": faithful.detach(), **critic}

    def _crops(self) -> tuple[Tensor, Tensor]:
        """Parts of random latents, and of their pictures, both mirrored alike."""
        cfg, device = self._cfg, self._device
        cells = min(cfg.crop, self._clean.shape[-1])
        pick = torch.randint(len(self._clean), (cfg.batch,))
        y, x = torch.randint(self._clean.shape[-1] - cells + 1, (2,)).tolist()
        clean, worn = (
            latents[pick.to(device), :, y : y + cells, x : x + cells].float()
            for latents in (self._clean, self._worn)
        )
        level = cfg.noise * torch.rand(len(pick), 1, 1, 1, device=device) ** 2
        clean = clean + level * torch.randn_like(clean)
        is_worn = torch.rand(len(pick), 1, 1, 1, device=device) < cfg.worn
        latent = torch.where(is_worn, worn, clean)
        cell = self._seen.pictures.shape[1] // self._clean.shape[-1]
        rows, columns = (slice(cell * at, cell * (at + cells)) for at in (y, x))
        target = as_planes(self._seen.pictures[pick.numpy(), rows, columns]).to(device)
        mirrored = [dim for dim in (-1, -2) if torch.rand(()) < 0.5]
        latent, target = (
            both.flip(mirrored).contiguous(memory_format=torch.channels_last)
            for both in (latent, target)
        )
        return latent, target

    def state(self) -> dict[str, Any]:
        return {
            **self._average.state(self._net),
            "sharp": self._sharp,
            "optim": self._optim.state_dict(),
            **self._critique.state(),
            "config": asdict(self._net_cfg),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._average.restore(state, self._net)
        self._sharp = state["sharp"]
        runtime.restore_optimisers(state, optim=self._optim)
        self._critique.restore(state)

    @torch.no_grad()
    def report(self, sheet: Path) -> dict[str, float]:
        """Fixed pictures over what is made of their worn latents; PSNR of 32, clean and worn."""
        pick = torch.linspace(0, len(self._clean) - 1, min(32, len(self._clean))).long()
        target = as_planes(self._seen.pictures[pick.numpy()])
        net = type(self._net)(self._net_cfg).to(self._device)
        net.load_state_dict(between(self._sharp, self._average.module.state_dict()))
        clean, worn = (
            torch.cat([net(part).float().cpu() for part in torch.split(latents[pick].float(), 4)])
            for latents in (self._clean, self._worn)
        )
        columns = min(6, len(target))
        shown = torch.stack([row[:: len(target) // columns] for row in (target, worn)])
        sheets.save_sheet(sheet, shown[:, :columns])
        return {"psnr_db": psnr(clean, target), "worn_psnr_db": psnr(worn, target)}


def between(sharp: Weights, settled: Weights) -> Weights:
    """Weights between two trainings of one network; ``settled`` if there is no other."""
    if not sharp:
        return settled
    return {name: SHARP * sharp[name] + (1 - SHARP) * settled[name] for name in settled}


def as_planes(pictures: Frames) -> Tensor:
    """(n, 3, h, w) in [0, 1] of uint8 (n, h, w, 3)."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def load_decoder(path: Path, kind: type[Kind], device: torch.device) -> Kind:
    """The decoder of a checkpoint as it ships, frozen."""
    state = runtime.load(path, device)["stage"]
    model = kind(AutoencoderConfig(**state["config"])).to(device)
    model.load_state_dict(between(state["sharp"], state["average"]))
    return model.eval().requires_grad_(False)
