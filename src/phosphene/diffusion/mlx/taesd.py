"""The tiny autoencoder (TAESD, TAESDXL by madebyollin), of diffusers' weights and config."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from phosphene.diffusion.mlx.layers import Layer, conv, twice_as_large
from phosphene.errors import ModelError


class TinyAutoencoder:
    """Pictures (b h w 3) in -1..1 to latents (b h w c) and back."""

    def __init__(self, config: dict[str, Any], weights: Layer) -> None:
        usual = config.get("act_fn", "relu"), config.get("upsampling_scaling_factor", 2)
        if usual != ("relu", 2):
            raise ModelError("this autoencoder is not TAESD's: use madebyollin/taesd or taesdxl.")
        self.channels = int(config.get("latent_channels", 4))
        self.scaling = float(config.get("scaling_factor", 1.0))
        self._down = tuple(config.get("num_encoder_blocks", (1, 3, 3, 3)))
        self._up = tuple(config.get("num_decoder_blocks", (3, 3, 3, 1)))
        self._weights = weights

    @property
    def factor(self) -> int:
        """Picture pixels per latent pixel, along one side."""
        return int(2 ** (len(self._up) - 1))

    def encode(self, pixels: mx.array) -> mx.array:
        """Pictures -> latents, not scaled."""
        x, layers, place = (pixels + 1) / 2, self._weights["encoder"]["layers"], 0
        for stage, blocks in enumerate(self._down):
            x = conv(layers[place], x, stride=2 if stage else 1)
            for block in range(place + 1, place + 1 + blocks):
                x = _block(layers[block], x)
            place += 1 + blocks
        return conv(layers[place], x)

    def decode(self, latents: mx.array) -> mx.array:
        """Latents, not scaled -> pictures."""
        layers = self._weights["decoder"]["layers"]
        # places count the activation and the enlargements, which have no weights
        x, place = mx.maximum(conv(layers[0], mx.tanh(latents / 3) * 3), 0), 2
        for stage, blocks in enumerate(self._up):
            for block in range(place, place + blocks):
                x = _block(layers[block], x)
            place += blocks
            if stage < len(self._up) - 1:
                x, place = twice_as_large(x), place + 1
            x, place = conv(layers[place], x), place + 1
        return x * 2 - 1


def _block(layer: Layer, x: mx.array) -> mx.array:
    y = x
    for place in (0, 2, 4):
        y = conv(layer["conv"][place], mx.maximum(y, 0) if place else y)
    return mx.maximum(x + y, 0)
