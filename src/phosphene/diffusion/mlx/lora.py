"""LoRAs added to the weights while a model is loaded; after that they cost nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import mlx.core as mx

from phosphene.config import LoraConfig
from phosphene.diffusion.mlx.layers import Layer
from phosphene.diffusion.mlx.weights import lay_out
from phosphene.diffusion.sd.lora import check_fit, find
from phosphene.diffusion.sd.source import read_header
from phosphene.errors import ModelError

# kohya: lora_unet_a_b.lora_down.weight and .alpha; peft: unet.a.b.lora_A.weight
_NAME = re.compile(r"(.+)\.(?:lora_(down|up|A|B)\.weight|(alpha))")
_ROLES = {"A": "down", "B": "up"}

Networks = Mapping[str, Layer]
"""by part: unet, text_encoder, text_encoder_2"""


@dataclass(frozen=True)
class Pair:
    """What a LoRA adds to one layer: ``up @ down``, times alpha over the rank (Hu 2021)."""

    down: mx.array | None = None
    """(rank, in) or (rank in h w)"""
    up: mx.array | None = None
    """(out, rank) or (out rank 1 1)"""
    alpha: mx.array | None = None


def fuse(networks: Networks, loras: list[LoraConfig], text_width: int) -> dict[str, Layer]:
    """The same networks with all LoRAs added. Raises ModelError for one that does not fit."""
    fused = {part: dict(layer.weights) for part, layer in networks.items()}
    for lora in loras:
        path = find(lora.id)
        check_fit(read_header(path), text_width, lora.id)
        held = mx.load(str(path))
        assert isinstance(held, dict)
        places = _places(networks)
        for name, pair in _pairs(held, lora.id).items():
            if name not in places:
                raise ModelError(
                    f"LoRA {lora.id} changes '{name}', which this model does not have under that name: use a"
                    " copy in diffusers' or kohya's layout, or device mps."
                )
            part, weight = places[name]
            _add(fused[part], weight, lora.scale * _product(pair, lora.id))
    for weights in fused.values():
        mx.eval(weights)
    return {part: Layer(weights) for part, weights in fused.items()}


def _places(networks: Networks) -> dict[str, tuple[str, str]]:
    """By the names that LoRAs have for a layer: its part, and the name of its weight."""
    places: dict[str, tuple[str, str]] = {}
    for part, layer in networks.items():
        for name in layer.weights:
            path = name.removesuffix(".weight")
            dotted = path if part == "unet" else f"text_model.{path}"
            flat = dotted.replace(".", "_")
            kohya = {"unet": ("unet",), "text_encoder": ("te", "te1"), "text_encoder_2": ("te2",)}
            names = [f"{part}.{dotted}", *(f"lora_{short}_{flat}" for short in kohya[part])]
            places |= dict.fromkeys(names, (part, name))
    return places


def _pairs(held: Mapping[str, mx.array], lora_id: str) -> dict[str, Pair]:
    pairs: dict[str, Pair] = {}
    for name, array in held.items():
        found = _NAME.fullmatch(name)
        if found is None:
            raise ModelError(
                f"LoRA {lora_id} holds '{name}', of a layout that MLX does not know: use a copy in diffusers'"
                " or kohya's layout, or device mps."
            )
        role = _ROLES.get(found[2], found[2] or "alpha")
        pairs[found[1]] = replace(pairs.get(found[1], Pair()), **{role: array})
    if not pairs:
        raise ModelError(f"LoRA {lora_id} holds nothing that fits this model.")
    return pairs


def _product(pair: Pair, lora_id: str) -> mx.array:
    """What is added, laid out as weights are, float32."""
    if pair.down is None or pair.up is None:
        raise ModelError(f"LoRA {lora_id} is cut short: download it again.")
    down, up = (lay_out(half).astype(mx.float32) for half in (pair.down, pair.up))
    rank = down.shape[0]
    factor = 1.0 if pair.alpha is None else pair.alpha.astype(mx.float32) / rank
    return factor * (up @ down.reshape(rank, -1)).reshape(up.shape[0], *down.shape[1:])


def _add(weights: dict[str, mx.array], name: str, added: mx.array) -> None:
    """Change one weight in ``weights``; a packed one is unpacked for it, and packed again."""
    weight, owner = weights[name], name.removesuffix("weight")
    scales, biases = weights.get(f"{owner}scales"), weights.get(f"{owner}biases")
    if scales is None or biases is None:
        weights[name] = (weight.astype(mx.float32) + added).astype(weight.dtype)
        return
    group, bits = (
        added.shape[1] // scales.shape[1],
        32 * weight.shape[1] // added.shape[1],
    )
    plain = mx.dequantize(weight, scales.astype(mx.float32), biases.astype(mx.float32), group, bits)
    packed, new_scales, new_biases = mx.quantize(plain + added, group, bits)
    weights |= {
        name: packed,
        f"{owner}scales": new_scales.astype(scales.dtype),
        f"{owner}biases": new_biases.astype(biases.dtype),
    }
