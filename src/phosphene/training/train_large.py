"""Train the decoder of large pictures: latents of a picture, drawn at twice its size."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from phosphene.training import losses, runtime, sheets
from phosphene.training.config import LargeSettings
from phosphene.training.nets.codec import Autoencoder, AutoencoderConfig, LargeDecoder, psnr
from phosphene.training.pool import encode_frames
from phosphene.training.stage import Figures, Stage

CELL = 16
"""pixels of a large picture per latent pixel"""
TRUNK_RATE = 0.5
"""of the new layers' learning rate, for layers that can draw already"""


class LargeStage(Stage):
    """The decoder's trunk goes on learning under a new head; latents keep their meaning."""

    name = "large"

    def __init__(
        self, cfg: LargeSettings, pictures: Tensor, codec: Autoencoder, device: torch.device
    ) -> None:
        """``pictures`` (n, s, s, 3) uint8 at the large size, s a multiple of 32."""
        self.minutes = cfg.minutes
        self._cfg, self._pictures, self._device = cfg, pictures, device
        self._latents = encode_frames(codec.encoder, halved(pictures))
        self._net_cfg = codec.cfg
        net = LargeDecoder(codec.cfg)
        shared = net.start_from(codec.decoder)
        self._net = runtime.place(net, device)
        self._average = runtime.Average(self._net, 0.997)
        self._optim = torch.optim.AdamW(
            [
                {"params": list(self._net.net[:shared].parameters())},
                {"params": list(self._net.net[shared:].parameters())},
            ],
            lr=cfg.rate,
            betas=(0.9, 0.98),
            weight_decay=1e-3,
        )

    def step(self, step: int, progress: float) -> Figures:
        cfg = self._cfg
        rate = runtime.learning_rate(cfg.rate, step, progress)
        trunk, head = self._optim.param_groups
        trunk["lr"], head["lr"] = TRUNK_RATE * rate, rate
        latent, target = self._crops()
        level = cfg.noise * torch.rand(len(latent), 1, 1, 1, device=self._device) ** 2
        with runtime.fast_math(self._device):
            output = self._net(latent + level * torch.randn_like(latent)).float()
        loss = losses.reconstruction_loss(output, target)
        self._optim.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._net.parameters(), 1.0)
        self._optim.step()
        self._average.update(self._net)
        return {"loss": loss.detach()}

    def _crops(self) -> tuple[Tensor, Tensor]:
        """Parts of random pictures, and their latents, both mirrored alike."""
        cells = min(self._cfg.crop, self._latents.shape[-1])
        pick = torch.randint(len(self._pictures), (self._cfg.batch,))
        y, x = torch.randint(self._latents.shape[-1] - cells + 1, (2,)).tolist()
        rows, columns = (slice(CELL * at, CELL * (at + cells)) for at in (y, x))
        # pictures stay where they are: thousands of large ones are more than a device may hold
        part = self._pictures[pick, rows, columns].to(self._device)
        target = part.permute(0, 3, 1, 2).float() / 255
        latent = self._latents[pick.to(self._device), :, y : y + cells, x : x + cells].float()
        mirrored = [dim for dim in (-1, -2) if torch.rand(()) < 0.5]
        latent, target = latent.flip(mirrored), target.flip(mirrored)
        return latent, target.contiguous(memory_format=torch.channels_last)

    def state(self) -> dict[str, Any]:
        return {
            "model": self._net.state_dict(),
            "average": self._average.module.state_dict(),
            "averaged": self._average.steps,
            "optim": self._optim.state_dict(),
            "config": asdict(self._net_cfg),
        }

    def restore(self, state: dict[str, Any]) -> None:
        # a packed run has the averages only
        self._net.load_state_dict(state.get("model", state["average"]))
        self._average.module.load_state_dict(state["average"])
        self._average.steps = state["averaged"]
        runtime.restore_optimisers(state, optim=self._optim)

    @torch.no_grad()
    def report(self, sheet: Path) -> dict[str, float]:
        """Fixed pictures over what became of them, and the PSNR of 32."""
        pick = torch.linspace(0, len(self._pictures) - 1, min(32, len(self._pictures))).long()
        target = self._pictures[pick].permute(0, 3, 1, 2).float() / 255
        net = self._average.module
        latents = self._latents[pick.to(self._device)].float()
        output = torch.cat([net(part).float().cpu() for part in torch.split(latents, 4)])
        columns = min(6, len(target))
        shown = torch.stack((target[:: len(target) // columns], output[:: len(target) // columns]))
        sheets.save_sheet(sheet, shown[:, :columns])
        return {"psnr_db": psnr(output, target)}


def halved(pictures: Tensor) -> Tensor:
    """(n, s/2, s/2, 3) uint8 of (n, s, s, 3): what the small codec sees."""
    parts = [
        F.avg_pool2d(part.permute(0, 3, 1, 2).float(), 2).round().to(torch.uint8)
        for part in torch.split(pictures, 32)
    ]
    return torch.cat(parts).permute(0, 2, 3, 1)


def load_large(path: Path, device: torch.device) -> LargeDecoder:
    """The averaged decoder of a checkpoint, frozen."""
    state = runtime.load(path, device)["stage"]
    model = LargeDecoder(AutoencoderConfig(**state["config"])).to(device)
    model.load_state_dict(state["average"])
    return model.eval().requires_grad_(False)
