"""Weights with the channels last in memory, as tensor cores want them; pays with compile_unet."""

from __future__ import annotations

from phosphene.diffusion.sd.unet import Nets


def use(nets: Nets) -> None:
    """Convert U-Net and autoencoder in place."""
    import torch

    nets.unet.to(memory_format=torch.channels_last)
    nets.vae.to(memory_format=torch.channels_last)
