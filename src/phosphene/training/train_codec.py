"""Train the picture codec: first faithful, then convincing too."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from phosphene.training import losses, runtime, sheets
from phosphene.training.config import CodecSettings
from phosphene.training.critique import Critique
from phosphene.training.nets.codec import Autoencoder, AutoencoderConfig, psnr
from phosphene.training.stage import Figures, Stage


class CodecStage(Stage):
    """Autoencoder on random crops; the critic joins in at `CodecSettings.sharp_from`."""

    name = "codec"

    def __init__(self, cfg: CodecSettings, frames: Tensor, device: torch.device) -> None:
        self.minutes = cfg.minutes
        self._cfg, self._frames, self._device = cfg, frames, device
        self._net_cfg = cfg.net()
        self._net = runtime.place(Autoencoder(self._net_cfg), device)
        self._average = runtime.Average(self._net, 0.998)
        self._critique = Critique(cfg.critic_width, cfg.sharp_from, cfg.sharp, cfg.rate, device)
        self._optim = torch.optim.AdamW(
            self._net.parameters(), lr=cfg.rate, betas=(0.9, 0.98), weight_decay=1e-3
        )
        if cfg.frozen_encoder:
            self._net.encoder.eval().requires_grad_(False)

    def step(self, step: int, progress: float) -> Figures:
        cfg = self._cfg
        rate = runtime.learning_rate(cfg.rate, step, progress)
        runtime.set_rate(self._optim, rate)
        target = random_crops(self._frames, cfg.batch, cfg.crop).to(self._device)
        target = target.contiguous(memory_format=torch.channels_last)
        with runtime.fast_math(self._device):
            # bfloat16 would round what the noise below is measured against
            latent = self._net.encoder(target).float()
            level = cfg.noise * torch.rand(len(latent), 1, 1, 1, device=self._device) ** 2
            latent, target = transform_pair(latent + level * torch.randn_like(latent), target)
            output = self._net.decoder(latent).float()
        faithful = losses.reconstruction_loss(output, target)
        self._optim.zero_grad(set_to_none=True)
        self._critique.backward(faithful, output, target, progress)
        torch.nn.utils.clip_grad_norm_(self._net.parameters(), 1.0)
        self._optim.step()
        self._average.update(self._net)
        critic = self._critique.learn(target, output, progress, rate)
        return {"faithful": faithful.detach(), **critic}

    def state(self) -> dict[str, Any]:
        return {
            **self._average.state(self._net),
            "optim": self._optim.state_dict(),
            **self._critique.state(),
            "config": asdict(self._net_cfg),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._average.restore(state, self._net)
        runtime.restore_optimisers(state, optim=self._optim)
        self._critique.restore(state)

    @torch.no_grad()
    def report(self, sheet: Path) -> dict[str, float]:
        """Fixed frames over their reconstructions, and the PSNR of 64 of them."""
        pick = torch.linspace(0, len(self._frames) - 1, min(64, len(self._frames))).long()
        target = self._frames[pick.to(self._frames.device)].permute(0, 3, 1, 2).float() / 255
        target = target.to(self._device)
        net = self._average.module
        assert isinstance(net, Autoencoder)
        output = torch.cat([net.decoder(net.encoder(t)) for t in torch.split(target, 8)])
        columns = min(6, len(target))
        shown = torch.stack((target[:: len(target) // columns], output[:: len(target) // columns]))
        sheets.save_sheet(sheet, shown[:, :columns])
        return {"psnr_db": psnr(output, target)}


def random_crops(frames: Tensor, count: int, size: int) -> Tensor:
    """(count, 3, size, size) in [0, 1] from random frames (n, s, s, 3) uint8."""
    index = torch.randint(len(frames), (count,), device=frames.device)
    side = frames.shape[1]
    # one offset a step costs no gather; pictures differ, steps are many
    y, x = (int(v) for v in torch.randint(side - size + 1, (2,)))
    part = frames[index][:, y : y + size, x : x + size]
    return part.permute(0, 3, 1, 2).float() / 255


def transform_pair(latent: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Flip or shrink latent and target alike, so that the decoder learns to follow.

    After EQ-VAE (Kouzelis et al. 2025). The stream zooms and turns latents: a latent
    space that is not equivariant would smear.
    """
    chance = torch.rand(3).tolist()
    if chance[0] < 0.5:
        latent, target = latent.flip(-1), target.flip(-1)
    if chance[1] < 0.5:
        latent, target = latent.flip(-2), target.flip(-2)
    if chance[2] < 0.2:
        size = latent.shape[-1] * 3 // 4
        latent = F.interpolate(latent, (size, size), mode="bilinear", antialias=True)
        target = F.interpolate(target, (size * 8, size * 8), mode="bilinear", antialias=True)
    return latent, target


def load_codec(path: Path, device: torch.device) -> Autoencoder:
    """The averaged codec of a checkpoint, frozen."""
    state = runtime.load(path, device)["stage"]
    model = Autoencoder(AutoencoderConfig(**state["config"])).to(device)
    model.load_state_dict(state["average"])
    return model.eval().requires_grad_(False)
