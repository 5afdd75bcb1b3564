"""IP-Adapters in their published layout, for the tiny trees: random weights, tiny image encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

SIDE = 32
"""pixels of a picture as the tiny encoders see it"""
EMBEDDED, PATCHED = 24, 16
"""numbers of a picture, and of each of its patches"""
TOKENS = {"plain": 4, "plus": 3, "full": (SIDE // 8) ** 2 + 1}


def make_adapter(file: Path, unet: Any, kind: str = "plain") -> Path:
    """Write an adapter for a diffusers U-Net, and an image encoder beside it."""
    torch.manual_seed(6)
    width = unet.config.cross_attention_dim
    tensors = {f"image_proj.{name}": each for name, each in _projection(kind, width).items()}
    for index, name in enumerate(unet.attn_processors):
        if name.endswith("attn2.processor"):
            shape = unet.get_submodule(name.removesuffix(".processor")).to_k.weight.shape
            for each in "kv":
                tensors[f"ip_adapter.{index}.to_{each}_ip.weight"] = torch.randn(shape) * 0.3
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file)
    if not (file.parent / "image_encoder").exists():
        make_encoder(file.parent / "image_encoder")
    return file


def make_encoder(folder: Path, embedded: int = EMBEDDED) -> Path:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(7)
    CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=PATCHED,
            intermediate_size=20,
            projection_dim=embedded,
            num_hidden_layers=3,
            num_attention_heads=2,
            image_size=SIDE,
            patch_size=8,
            initializer_factor=20.0,
        )
    ).save_pretrained(folder)
    return folder


def _projection(kind: str, width: int) -> dict[str, torch.Tensor]:
    def layer(name: str, rows: int, columns: int, bias: bool = True) -> dict[str, torch.Tensor]:
        made = {f"{name}.weight": torch.randn(rows, columns) / columns**0.5}
        return made | ({f"{name}.bias": 0.2 * torch.randn(rows)} if bias else {})

    def norm(name: str, size: int) -> dict[str, torch.Tensor]:
        made = {"weight": 1 + 0.2 * torch.randn(size), "bias": 0.2 * torch.randn(size)}
        return {f"{name}.{leaf}": each for leaf, each in made.items()}

    if kind == "plain":
        return layer("proj", TOKENS[kind] * width, EMBEDDED) | norm("norm", width)
    if kind == "full":
        first = layer("proj.0", PATCHED, PATCHED) | layer("proj.2", width, PATCHED)
        return first | norm("proj.3", width)
    # two heads of the published width, four blocks deep
    wide = 128
    made = {"latents": torch.randn(1, TOKENS[kind], wide)}
    made |= layer("proj_in", wide, PATCHED) | layer("proj_out", width, wide)
    made |= norm("norm_out", width)
    for at in (f"layers.{index}" for index in range(4)):
        made |= norm(f"{at}.0.norm1", wide) | norm(f"{at}.0.norm2", wide)
        for name, rows in (("to_q", wide), ("to_kv", 2 * wide), ("to_out", wide)):
            made |= layer(f"{at}.0.{name}", rows, wide, bias=False)
        made |= norm(f"{at}.1.0", wide)
        made |= layer(f"{at}.1.1", 4 * wide, wide, False) | layer(
            f"{at}.1.3", wide, 4 * wide, False
        )
    return made
