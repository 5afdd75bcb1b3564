"""Video autoencoders as streams: latents in, pictures out, with what they remember in the caller's hands.

A stream's first latent is one picture, every later one four.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch

Tensor = torch.Tensor
Memory = list[Any]
"""what a coder remembers of its stream: tensors, ``None``, marks of Wan's own; changed in place"""
PICTURES = 4
"""of every latent but a stream's first"""


class StreamingAutoencoder(Protocol):
    """What a chunk model decodes with, and reads pictures with. Latents have about unit variance."""

    name: str

    def decode(self, latents: Tensor, memory: Memory) -> Tensor:
        """Latents (1 c f h w), next of their stream -> pictures (n 3 height width) in 0..1.

        ``memory`` is empty before the first.
        """
        ...

    def encode(self, pictures: Tensor, memory: Memory) -> Tensor:
        """Pictures (n 3 height width) in 0..1, next of their stream -> latents (1 c f h w).

        The first picture of a stream is a latent alone, then n must be a multiple of four.
        """
        ...


class WanAutoencoder:
    """diffusers' ``AutoencoderKLWan`` with its caches held over calls."""

    name = "wan"

    def __init__(self, vae: Any) -> None:
        self._vae = vae
        weight = vae.quant_conv.weight
        shape = (1, -1, 1, 1, 1)
        self._mean = torch.tensor(vae.config.latents_mean).to(weight).view(shape)
        self._std = torch.tensor(vae.config.latents_std).to(weight).view(shape)
        self._counts = vae._cached_conv_counts

    @torch.no_grad()
    def decode(self, latents: Tensor, memory: Memory) -> Tensor:
        """See :class:`StreamingAutoencoder`."""
        first = not memory
        memory[:] = memory or [None] * self._counts["decoder"]
        z = self._vae.post_quant_conv(latents.to(self._mean.dtype) * self._std + self._mean)
        pictures = [
            self._vae.decoder(
                z[:, :, i : i + 1], feat_cache=memory, feat_idx=[0], first_chunk=first and i == 0
            )
            for i in range(z.shape[2])
        ]
        whole = torch.cat(pictures, dim=2)[0].transpose(0, 1)
        return (whole.clamp(-1.0, 1.0) + 1.0) / 2.0

    @torch.no_grad()
    def encode(self, pictures: Tensor, memory: Memory) -> Tensor:
        """See :class:`StreamingAutoencoder`; the mean of what the encoder gives."""
        first = not memory
        memory[:] = memory or [None] * self._counts["encoder"]
        x = (2.0 * pictures.to(self._mean.dtype) - 1.0).transpose(0, 1)[None]
        latents = [
            self._vae.encoder(group, feat_cache=memory, feat_idx=[0]) for group in _groups(x, first)
        ]
        both = self._vae.quant_conv(torch.cat(latents, dim=2))
        mean: Tensor = both[:, : both.shape[1] // 2]
        return (mean - self._mean) / self._std


def _groups(x: Tensor, first: bool) -> list[Tensor]:
    """(1 3 n height width) as the encoder takes it: the stream's first picture alone, then four by four."""
    alone = [x[:, :, :1]] if first else []
    rest = x[:, :, len(alone) :]
    if rest.shape[2] % PICTURES:
        raise ValueError(f"pictures come in groups of {PICTURES}, not {rest.shape[2]}")
    return [*alone, *rest.split(PICTURES, dim=2)] if rest.shape[2] else alone
