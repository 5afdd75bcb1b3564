"""TAEF2 (madebyollin): FLUX.2's autoencoder in miniature, which diffusers' AutoencoderTiny has no blocks for.

Its file's keys count layers as AutoencoderTiny does; the middle blocks have a branch of group norm.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.errors import ModelError

if TYPE_CHECKING:
    import torch

REPO, FILE = "madebyollin/taef2", "taef2.safetensors"
GROUPS = 4
"""of the branch's norm"""
REACH = 3.0
"""what latents are held within, softly"""

Weights = dict[str, "torch.Tensor"]


class TinyAutoencoder:
    """Pixels -1..1 (b 3 h w) to latents (b c h/8 w/8), normalised, and back. Raises ModelError."""

    def __init__(self, file: Path, channels: int, device: torch.device, dtype: torch.dtype) -> None:
        from safetensors.torch import load_file

        weights: Weights = {
            key: tensor.to(device, dtype) for key, tensor in load_file(file).items()
        }
        self._encoder, self._decoder = (_layers(weights, side) for side in ("encoder", "decoder"))
        ends = [layers[max(layers)] for layers in (self._encoder, self._decoder) if layers]
        made = [end["weight"].shape[0] for end in ends if "weight" in end]
        if made != [channels, 3]:
            raise ModelError(f"{file} is not TAEF2 for {channels} channels: download {REPO} anew.")

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels -> latents."""
        from torch.nn.functional import conv2d

        x, last = pixels * 0.5 + 0.5, max(self._encoder)
        for place, layer in self._encoder.items():
            if "weight" not in layer:
                x = _block(layer, x)
            else:
                # only what halves the picture has no bias
                stride = 1 if place in (0, last) else 2
                x = conv2d(x, layer["weight"], layer.get("bias"), stride, 1)
        return x

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents -> pixels."""
        import torch
        from torch.nn.functional import conv2d, interpolate

        x = torch.tanh(latents / REACH) * REACH
        for place in range(max(self._decoder) + 1):
            layer = self._decoder.get(place)
            if layer is None:
                x = x.relu() if place == 1 else interpolate(x, scale_factor=2, mode="nearest")
            elif "weight" not in layer:
                x = _block(layer, x)
            else:
                x = conv2d(x, layer["weight"], layer.get("bias"), 1, 1)
        return x * 2.0 - 1.0


def _layers(weights: Weights, side: str) -> dict[int, Weights]:
    """The tensors of each layer of one side, by its place."""
    layers: dict[int, Weights] = {}
    for key, tensor in weights.items():
        if key.startswith(f"{side}.layers."):
            place, _, name = key.removeprefix(f"{side}.layers.").partition(".")
            layers.setdefault(int(place), {})[name] = tensor
    return dict(sorted(layers.items()))


def _block(layer: Weights, x: torch.Tensor) -> torch.Tensor:
    from torch.nn.functional import conv2d, group_norm

    if "pool.0.weight" in layer:
        wide = conv2d(x, layer["pool.0.weight"])
        wide = group_norm(wide, GROUPS, layer["pool.1.weight"], layer["pool.1.bias"]).relu()
        x = x + conv2d(wide, layer["pool.3.weight"])
    y = x
    for place in (0, 2, 4):
        y = conv2d(y, layer[f"conv.{place}.weight"], layer[f"conv.{place}.bias"], 1, 1)
        y = y.relu() if place < 4 else y
    kept = conv2d(x, layer["skip.weight"]) if "skip.weight" in layer else x
    return (y + kept).relu()
