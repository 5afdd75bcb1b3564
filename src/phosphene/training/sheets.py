"""Sample sheets while the denoiser trains: what a stream of every prompt would show."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from phosphene.training import runtime
from phosphene.training.autoencoder import Autoencoder
from phosphene.training.flow import continue_stream, sample
from phosphene.training.latents import Clips
from phosphene.training.unet import UNet

STREAM_T = 0.6
HISTORY_NOISE = 0.0


@torch.no_grad()
def denoiser_sheet(
    net: nn.Module, codec: Autoencoder, clips: Clips, path: Path, device: torch.device
) -> None:
    """Rows: 4 steps from noise, 1 step, then stream frames 1, 5 and 20; columns: captions."""
    assert isinstance(net, UNet)
    pick = torch.linspace(0, len(clips) // 2 - 1, 10).long()
    text = clips.text[pick].to(device)
    b, gen = len(pick), torch.Generator().manual_seed(0)
    noise = torch.randn(b, *clips.latents.shape[2:], generator=gen).to(device)
    audio = torch.tensor([0.4, 0.5, 0.3, 0.0, 0.0], device=device).expand(b, 5)
    start = sample(net, noise, text, audio, 4)
    rows = [start, sample(net, noise, text, audio, 1)]
    last = start
    for frame in range(1, 21):
        last = continue_stream(net, last, noise, text, audio, STREAM_T, HISTORY_NOISE)
        if frame in (1, 5, 20):
            rows.append(last)
    pictures = torch.stack([codec.decoder(row)[:, :, ::2, ::2] for row in rows])
    runtime.save_sheet(path, pictures)
