"""LoRAs added to the weights while a model is loaded; after that they cost nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import mlx.core as mx
import numpy as np

from phosphene.config import LoraConfig
from phosphene.diffusion.checkpoints.lora import check_fit, find, misfit
from phosphene.diffusion.checkpoints.lora_file import Change, read_changes
from phosphene.diffusion.checkpoints.lora_names import Places
from phosphene.diffusion.checkpoints.source import read_header
from phosphene.diffusion.mlx.layers import Layer
from phosphene.diffusion.mlx.weights import lay_out
from phosphene.errors import ModelError

Networks = Mapping[str, Layer]
"""by part: unet, text_encoder, text_encoder_2"""


def fuse(networks: Networks, loras: list[LoraConfig], text_width: int) -> dict[str, Layer]:
    """The same networks with all LoRAs added. Raises ModelError for one that does not fit."""
    fused = {part: dict(layer.weights) for part, layer in networks.items()}
    places = Places(
        {part: {name.rpartition(".")[0] for name in weights} for part, weights in fused.items()}
    )
    for lora in loras:
        path = find(lora.id)
        check_fit(read_header(path), text_width, lora.id)
        for change in read_changes(path, places, lora.id):
            _apply(change, fused[change.part], lora)
    for weights in fused.values():
        mx.eval(weights)
    return {part: Layer(weights) for part, weights in fused.items()}


def _apply(change: Change, weights: dict[str, mx.array], lora: LoraConfig) -> None:
    for leaf, adds in (("weight", change.weight), ("bias", change.bias)):
        name = f"{change.path}.{leaf}"
        if name not in weights:
            if leaf == "bias" and {"diff_bias", "up_bias"} & change.held.keys():
                raise ModelError(misfit(lora.id, change, "a bias, which that layer has not"))
            continue
        product = change.product()
        if leaf == "weight" and product is None:
            continue
        packing = None if product is None else _Packing.of(weights, name, product.size)
        plain = weights[name] if packing is None else packing.unpack(weights[name])
        plain = plain.astype(mx.float32)
        published = np.array(plain.transpose(0, 3, 1, 2) if plain.ndim == 4 else plain)
        try:
            added = adds(published)
        except ValueError as error:
            raise ModelError(misfit(lora.id, change, str(error))) from error
        if added is None:
            continue
        whole = plain + lora.scale * lay_out(mx.array(added))
        weights |= (
            {name: whole.astype(weights[name].dtype)} if packing is None else packing.pack(whole)
        )


@dataclass(frozen=True)
class _Packing:
    """How a matrix is packed into few bits."""

    name: str
    scales: mx.array
    biases: mx.array
    group: int
    bits: int

    @classmethod
    def of(cls, weights: dict[str, mx.array], name: str, size: int) -> _Packing | None:
        """Of a matrix of ``size`` numbers; None for one that is not packed."""
        owner = name.removesuffix("weight")
        scales, biases = weights.get(f"{owner}scales"), weights.get(f"{owner}biases")
        if scales is None or biases is None or not name.endswith("weight"):
            return None
        wide = size // weights[name].shape[0]
        return cls(
            name, scales, biases, wide // scales.shape[1], 32 * weights[name].shape[1] // wide
        )

    def unpack(self, weight: mx.array) -> mx.array:
        parts = self.scales.astype(mx.float32), self.biases.astype(mx.float32)
        return mx.dequantize(weight, *parts, self.group, self.bits)

    def pack(self, plain: mx.array) -> dict[str, mx.array]:
        packed, scales, biases = mx.quantize(plain, self.group, self.bits)
        owner = self.name.removesuffix("weight")
        return {
            self.name: packed,
            f"{owner}scales": scales.astype(self.scales.dtype),
            f"{owner}biases": biases.astype(self.biases.dtype),
        }
