"""Networks from the files of a layout, in the number format and on the device they run in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from phosphene.diffusion.notices import say_once
from phosphene.diffusion.wan import weights
from phosphene.diffusion.wan.autoencoder import StreamingAutoencoder, WanAutoencoder
from phosphene.diffusion.wan.layout import Layout
from phosphene.diffusion.wan.network import CausalWan
from phosphene.diffusion.wan.tiny import Taehv, TinyAutoencoder
from phosphene.errors import ModelError

if TYPE_CHECKING:
    from phosphene.diffusion.wan.weights import Tensors

HEAD = 128
"""width of an attention head in every Wan; another one is read from a config.json beside the weights"""
ORIGINAL_SETTINGS = {
    "num_heads": "num_attention_heads",
    "num_layers": "num_layers",
    "in_dim": "in_channels",
    "out_dim": "out_channels",
    "ffn_dim": "ffn_dim",
    "freq_dim": "freq_dim",
    "text_dim": "text_dim",
    "eps": "eps",
}
"""Wan's own names of settings, and diffusers'"""


def transformer_settings(
    shapes: Mapping[str, tuple[int, ...]], config: Path | None
) -> dict[str, Any]:
    """What ``WanTransformer3DModel`` must be told, from tensors' shapes (diffusers' names) and a config.

    Raises ModelError for shapes of no Wan.
    """
    told: dict[str, Any] = {}
    if config is not None:
        try:
            told = json.loads(config.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{config} is broken: download it again.") from error
    try:
        first = shapes["patch_embedding.weight"]
        blocks = {int(name.split(".")[1]) for name in shapes if name.startswith("blocks.")}
        width = first[0]
        found = {
            "patch_size": tuple(first[2:]),
            "in_channels": first[1],
            "out_channels": shapes["proj_out.weight"][0] // (first[2] * first[3] * first[4]),
            "ffn_dim": shapes["blocks.0.ffn.net.0.proj.weight"][0],
            "text_dim": shapes["condition_embedder.text_embedder.linear_1.weight"][1],
            "freq_dim": shapes["condition_embedder.time_embedder.linear_1.weight"][1],
            "num_layers": max(blocks) + 1,
        }
    except (KeyError, IndexError, ValueError) as error:
        raise ModelError(
            f"these weights are not whole: {error} is missing; download them again."
        ) from error
    said = {new: told[old] for old, new in ORIGINAL_SETTINGS.items() if old in told}
    heads = told.get("num_attention_heads", said.get("num_attention_heads", width // HEAD))
    if not heads or width % heads or (width // heads) % 2:
        raise ModelError(
            f"a width of {width} is no Wan's: put the config.json of these weights beside them."
        )
    if told.get("added_kv_proj_dim") or "blocks.0.attn2.add_k_proj.weight" in shapes:
        raise ModelError("this model is told by pictures (I2V), which streams do not do: take T2V.")
    layers = told.get("num_layers", found["num_layers"])
    return found | {
        "num_layers": max(layers, found["num_layers"]),
        "num_attention_heads": heads,
        "attention_head_dim": width // heads,
        "eps": told.get("eps", 1e-6),
    }


def load_transformer(layout: Layout, device: torch.device, dtype: torch.dtype) -> CausalWan:
    """The student with its LoRAs fused, causal. Raises ModelError."""
    from diffusers import WanTransformer3DModel

    place = layout.transformer
    raw = weights.read_folder(place) if place.is_dir() else weights.read(place)
    tensors = weights.converted(raw)
    settings = transformer_settings({n: tuple(t.shape) for n, t in tensors.items()}, layout.config)
    for file in layout.loras:
        count = weights.fuse(tensors, weights.read(file))
        if not count:
            raise ModelError(f"{file} holds no LoRA: move it away, or download it again.")
        say_once(f"{file.name} is fused into {place.name} ({count} matrices).")
    with torch.device("meta"):
        net = WanTransformer3DModel(**settings)
    _fill(net, tensors, layout.name, dtype, net._keep_in_fp32_modules)
    # its table of rotations is not used, and was never filled
    del net.rope
    causal = CausalWan(net)
    net.to(device).eval().requires_grad_(False)
    return causal


def load_autoencoder(
    layout: Layout, tiny: bool, channels: int, device: torch.device, dtype: torch.dtype
) -> StreamingAutoencoder:
    """TAEHV where it is wanted and there, else Wan's own; what is wanted and not there is said.

    Raises ModelError where there is neither, or for another model's.
    """
    if tiny and layout.tiny is not None:
        held = weights.read(layout.tiny)
        shape = held["decoder.1.weight"].shape if "decoder.1.weight" in held else (0, 0)
        _check_channels(layout.tiny, shape[1], channels)
        try:
            net = Taehv.of(held)
        except (KeyError, RuntimeError) as error:
            raise ModelError(
                f"{layout.tiny} is not the tiny autoencoder taew2_1 as a whole: download it again."
            ) from error
        return TinyAutoencoder(net.to(device, dtype).eval().requires_grad_(False))
    if tiny:
        say_once(
            "use_tiny_vae is off, Wan's own autoencoder decodes: put taew2_1.safetensors (or .pth, of TAEHV)"
            f" beside {layout.transformer.name}."
        )
    if layout.vae is None:
        raise ModelError(
            f"no autoencoder lies beside {layout.name}: put the folder of Wan2.1-T2V there (its"
            " Wan2.1_VAE.pth, or vae/ in diffusers' layout)."
        )
    return WanAutoencoder(_wan_vae(layout.vae, channels, dtype).to(device).eval())


def _wan_vae(place: Path, channels: int, dtype: torch.dtype) -> Any:
    from diffusers import AutoencoderKLWan
    from diffusers.loaders.single_file_utils import convert_wan_vae_to_diffusers

    settings: dict[str, Any] = {}
    if place.is_dir():
        try:
            told = json.loads((place / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{place} is no autoencoder: its config.json is broken.") from error
        settings = {name: value for name, value in told.items() if not name.startswith("_")}
        tensors = weights.read_folder(place)
    else:
        tensors = weights.read(place)
        if "conv1.weight" in tensors:
            tensors = convert_wan_vae_to_diffusers(tensors)
    quantized = tensors.get("post_quant_conv.weight")
    _check_channels(place, 0 if quantized is None else quantized.shape[0], channels)
    with torch.device("meta"):
        try:
            vae = AutoencoderKLWan(**settings)
        except TypeError as error:
            raise ModelError(
                f"{place} is no autoencoder of Wan's: take the one of Wan 2.1."
            ) from error
    _fill(vae, tensors, str(place), dtype, ())
    return vae


def _check_channels(place: Path, found: int, channels: int) -> None:
    if found != channels:
        what = f"for latents of {found} channels" if found else "no autoencoder of Wan's"
        raise ModelError(
            f"{place} is {what}, and the model draws {channels}: take the autoencoder of Wan 2.1."
        )


def _fill(
    net: Any, tensors: Tensors, name: str, dtype: torch.dtype, precise: tuple[str, ...] | list[str]
) -> None:
    """Give an empty network its tensors; those of ``precise`` modules keep 32 bits at least."""
    ready = {}
    for key, each in tensors.items():
        exact = any(part in precise for part in key.split(".")) and dtype != torch.float64
        ready[key] = each.to(torch.float32 if exact else dtype)
    wanted = {key: tuple(each.shape) for key, each in net.state_dict().items()}
    missing = sorted(set(wanted) - set(ready))
    if missing:
        raise ModelError(
            f"{name} is half a checkpoint: {len(missing)} of {len(wanted)} tensors are missing, such as"
            f" {missing[0]}; download it again."
        )
    odd = next((key for key in wanted if tuple(ready[key].shape) != wanted[key]), None)
    if odd is not None:
        raise ModelError(
            f"{name} does not fit: {odd} is {tuple(ready[odd].shape)} where {wanted[odd]} is expected."
        )
    net.load_state_dict({key: ready[key] for key in wanted}, assign=True)
