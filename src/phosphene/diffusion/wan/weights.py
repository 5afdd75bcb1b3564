"""Weight files of Wan's in their published layouts: read lazily, renamed, LoRAs fused.

Pickles are read by torch's own reader of tensors alone, which runs no programs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from phosphene.diffusion.notices import first_line
from phosphene.errors import ModelError

Tensors = dict[str, Any]

WRAPPED = ("generator_ema", "generator", "generator_lora", "model", "state_dict")
"""keys under which training code keeps a student's tensors, the averaged ones first"""
PREFIXES = (
    "_fsdp_wrapped_module.",
    "_orig_mod.",
    "base_model.model.",
    "model.",
    "diffusion_model.",
)
"""what wrappers put before names"""
NAMES = (
    ("patch_embedding", "patch_embedding"),
    ("text_embedding.0", "condition_embedder.text_embedder.linear_1"),
    ("text_embedding.2", "condition_embedder.text_embedder.linear_2"),
    ("time_embedding.0", "condition_embedder.time_embedder.linear_1"),
    ("time_embedding.2", "condition_embedder.time_embedder.linear_2"),
    ("time_projection.1", "condition_embedder.time_proj"),
    ("head.head", "proj_out"),
    ("head.modulation", "scale_shift_table"),
)
"""(Wan's own name, diffusers') of the outermost modules"""
BLOCK_NAMES = (
    ("modulation", "scale_shift_table"),
    ("norm3", "norm2"),
    ("ffn.0", "ffn.net.0.proj"),
    ("ffn.2", "ffn.net.2"),
    *(
        (f"{wan}.{own}", f"{theirs}.{name}")
        for wan, theirs in (("self_attn", "attn1"), ("cross_attn", "attn2"))
        for own, name in (
            ("norm_q", "norm_q"), ("norm_k", "norm_k"), ("q", "to_q"), ("k", "to_k"), ("v", "to_v"),
            ("o", "to_out.0"),
        )
    ),
)  # fmt: skip
"""the same inside a block; Wan's norm3 is the one that has weights, before cross attention"""
_BLOCK = re.compile(r"(blocks\.\d+\.)(.+)")
_ENCODER_NAMES = (
    ("norm1", "layer.0.layer_norm"),
    ("norm2", "layer.1.layer_norm"),
    ("attn", "layer.0.SelfAttention"),
    ("pos_embedding.embedding", "layer.0.SelfAttention.relative_attention_bias"),
    ("ffn.gate.0", "layer.1.DenseReluDense.wi_0"),
    ("ffn.fc1", "layer.1.DenseReluDense.wi_1"),
    ("ffn.fc2", "layer.1.DenseReluDense.wo"),
)
"""(Wan's own name, transformers') inside a block of umt5"""


def read(path: Path) -> Tensors:
    """Tensors of a file by name, mapped into memory where its format allows. Raises ModelError."""
    import torch
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        try:
            held = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        except RuntimeError as error:
            if "mmap can only be used" not in str(error):
                raise
            held = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:
        raise ModelError(
            f"the weights file {path} is broken or cut ({first_line(error)}): download it again."
        ) from error
    return _unwrapped(held)


def _unwrapped(held: Any) -> Tensors:
    import torch

    while isinstance(held, dict):
        inner = next((held[key] for key in WRAPPED if isinstance(held.get(key), dict)), None)
        if inner is None:
            break
        held = inner
    tensors = held.items() if isinstance(held, dict) else ()
    return {name: each for name, each in tensors if isinstance(each, torch.Tensor)}


def read_folder(folder: Path) -> Tensors:
    """Tensors of all of a folder's .safetensors files. Raises ModelError for one that is missing."""
    index = next(iter(sorted(folder.glob("*.safetensors.index.json"))), None)
    files = sorted(folder.glob("*.safetensors"))
    if index is not None:
        try:
            named = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise ModelError(f"{index} is broken: download it again.") from error
        files = [folder / name for name in sorted(set(named))]
    lost = next((file for file in files if not file.is_file()), None)
    if lost is not None or not files:
        raise ModelError(
            f"{folder} holds half a model: {lost.name if lost else 'its weights'} is missing, download it"
            " again."
        )
    found: Tensors = {}
    for file in files:
        found |= read(file)
    return found


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of what a file or folder holds, without reading it. Raises ModelError."""
    if path.is_dir():
        found: dict[str, tuple[int, ...]] = {}
        for file in sorted(path.glob("*.safetensors")):
            found |= shapes(file)
        return found
    if path.suffix == ".safetensors":
        from phosphene.diffusion.checkpoints.source import read_header

        return read_header(path)
    return {name: tuple(each.shape) for name, each in read(path).items()}


def holds_transformer(path: Path, broken: bool = False) -> bool:
    """Whether a file has the names of Wan's transformer; ``broken`` is said of one that is."""
    try:
        names = {bare(name) for name in shapes(path)}
    except ModelError:
        return broken
    own = {"patch_embedding.weight", "head.head.weight"}
    theirs = {"patch_embedding.weight", "condition_embedder.time_proj.weight"}
    return own <= names or theirs <= names


def bare(name: str) -> str:
    """A name without what wrappers put before it, or into it."""
    name = name.replace("_fsdp_wrapped_module.", "").replace("_orig_mod.", "")
    while any(name.startswith(prefix) for prefix in PREFIXES):
        name = next(name[len(p) :] for p in PREFIXES if name.startswith(p))
    return name


def to_diffusers(name: str) -> str:
    """The name that diffusers gives what is called ``name`` in Wan's own layout; its own stay."""
    return _renamed(bare(name), NAMES, BLOCK_NAMES)


def to_original(name: str) -> str:
    """The other way round."""
    back = [(new, old) for old, new in NAMES], [(new, old) for old, new in BLOCK_NAMES]
    return _renamed(name, *back)


def _renamed(name: str, outer: Iterable[tuple[str, str]], inner: Iterable[tuple[str, str]]) -> str:
    block = _BLOCK.fullmatch(name)
    head, rest, pairs = (block[1], block[2], inner) if block else ("", name, outer)
    for old, new in pairs:
        if rest == old or rest.startswith(old + "."):
            return head + new + rest[len(old) :]
    return name


def converted(tensors: Mapping[str, Any]) -> Tensors:
    """A transformer's tensors by diffusers' names."""
    return {to_diffusers(name): each for name, each in tensors.items()}


_LORA = re.compile(r"(.+?)\.(lora_[AB]|lora_down|lora_up)(?:\.default)?\.weight|(.+?)\.(alpha)")


def fuse(tensors: Tensors, lora: Mapping[str, Any], scale: float = 1.0) -> int:
    """Add ``scale * alpha / rank * B A`` to the tensors a LoRA is for; how many. Raises ModelError.

    Names are diffusers', or Wan's own as the LoRA has them. Without an alpha it is the rank (LongLive: 256
    of both).
    """
    parts: dict[str, dict[str, Any]] = {}
    for name, each in lora.items():
        match = _LORA.fullmatch(bare(name))
        if match is not None:
            module, role = match[1] or match[3], match[2] or match[4]
            parts.setdefault(f"{to_diffusers(module)}.weight", {})[role] = each
    for name, part in parts.items():
        down = part.get("lora_A", part.get("lora_down"))
        up = part.get("lora_B", part.get("lora_up"))
        old = tensors.get(name)
        if down is None or up is None or old is None or old.shape != (up.shape[0], down.shape[1]):
            raise ModelError(
                f"the LoRA does not fit: the model has no {name} of its size; it is for another one."
            )
        rank = down.shape[0]
        factor = scale * float(part["alpha"]) / rank if "alpha" in part else scale
        change = factor * (up.double() @ down.double())
        tensors[name] = (old.double() + change).to(old.dtype)
    return len(parts)


def encoder_names(tensors: Mapping[str, Any]) -> Tensors:
    """umt5's tensors by transformers' names, from Wan's own layout or as they are."""
    found: Tensors = {}
    for name, each in tensors.items():
        block = re.fullmatch(r"blocks\.(\d+)\.(.+)", name)
        if block is None:
            outer = {
                "token_embedding.weight": "shared.weight",
                "norm.weight": "encoder.final_layer_norm.weight",
            }
            found[outer.get(name, name)] = each
            continue
        inner = _renamed(block[2], _ENCODER_NAMES, ())
        found[f"encoder.block.{block[1]}.{inner}"] = each
    if "shared.weight" in found:
        found["encoder.embed_tokens.weight"] = found["shared.weight"]
    return found
