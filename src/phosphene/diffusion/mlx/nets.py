"""The networks of one checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

import mlx.core as mx

from phosphene.config import LoraConfig
from phosphene.diffusion.mlx.clip import MlxTextNet
from phosphene.diffusion.mlx.lora import fuse
from phosphene.diffusion.mlx.taesd import TinyAutoencoder
from phosphene.diffusion.mlx.tree import Tree
from phosphene.diffusion.mlx.unet import UNet
from phosphene.diffusion.mlx.unet_config import UNetConfig
from phosphene.diffusion.mlx.weights import read


@dataclass(frozen=True)
class Nets:
    """What draws."""

    unet: UNet
    tiny: TinyAutoencoder
    texts: tuple[MlxTextNet, ...]
    """one, or SDXL's two"""


def load_nets(files: Tree, dtype: mx.Dtype, large: bool, loras: list[LoraConfig]) -> Nets:
    """Read all of them, LoRAs added; ``large`` is SDXL. Raises ModelError."""
    texts = ("text_encoder", "text_encoder_2") if large else ("text_encoder",)
    config = UNetConfig.read(files.config("unet"))
    weights = {part: read(files.weights(part), dtype) for part in ("unet", *texts)}
    if loras:
        weights = fuse(weights, loras, config.text_width)
    return Nets(
        unet=UNet(config, weights["unet"]),
        tiny=TinyAutoencoder(files.config("tiny"), read(files.weights("tiny"), dtype)),
        texts=tuple(
            MlxTextNet(files.config(part), weights[part], penultimate=large) for part in texts
        ),
    )
