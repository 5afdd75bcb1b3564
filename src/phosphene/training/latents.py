"""Rendered clips encoded once: float16 latents, prompt vectors and audio, in memory for training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.training import runtime
from phosphene.training.autoencoder import Autoencoder
from phosphene.training.dataset import Shard, find_shards


@dataclass(frozen=True)
class Clips:
    """latents (n, t, c, h, w) float16, text (n, 1, dim), audio (n, t, 5), twin (n,).

    twin: index of the same clip in other colours, or its own index.
    """

    latents: Tensor
    text: Tensor
    audio: Tensor
    twin: Tensor
    families: tuple[str, ...]
    captions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.latents)


@torch.no_grad()
def encode_shard(model: Autoencoder, shard: Shard, device: torch.device) -> Path:
    """Write the latents of one shard beside its frames, unless they are there."""
    path = shard.path("latents", "npy")
    if path.exists():
        return path
    frames = shard.frames()
    n, t = frames.shape[:2]
    out = []
    for start in range(0, n, 16):
        rgb = torch.from_numpy(np.array(frames[start : start + 16])).flatten(0, 1).to(device)
        rgb = rgb.permute(0, 3, 1, 2).float().div(255).contiguous(memory_format=torch.channels_last)
        with runtime.fast_math(device):
            latent = model.encoder(rgb)
        out.append(latent.half().cpu().numpy().reshape(-1, t, *latent.shape[1:]))
    part = path.with_suffix(".part.npy")
    np.save(part, np.concatenate(out))
    part.replace(path)
    return path


def load_clips(data: Path, encoder: TextEncoder) -> Clips:
    """Everything that has been encoded so far."""
    latents, text, audio = [], [], []
    twin: list[Tensor] = []
    families: list[str] = []
    captions: list[str] = []
    first: dict[int, int] = {}
    for shard in find_shards(data):
        path = shard.path("latents", "npy")
        if not path.exists():
            continue
        start, meta = len(families), shard.meta()
        latents.append(torch.from_numpy(np.load(path)))
        audio.append(torch.from_numpy(shard.audio()))
        text.append(torch.from_numpy(np.stack([encoder.encode(m["caption"]) for m in meta])))
        own = torch.arange(start, start + len(meta))
        if shard.index in first:
            other = first[shard.index]
            twin[other // len(meta)] = own
            twin.append(torch.arange(other, other + len(meta)))
        else:
            first[shard.index] = start
            twin.append(own)
        families += [m["family"] for m in meta]
        captions += [m["caption"] for m in meta]
    return Clips(
        latents=torch.cat(latents),
        text=torch.cat(text)[:, None].float(),
        audio=torch.cat(audio).float(),
        twin=torch.cat(twin),
        families=tuple(families),
        captions=tuple(captions),
    )
