"""LoRA files of both key conventions."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

LAYER = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
CROSS_LAYER = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
RANK, ALPHA = 4, 2.0


def make_lora(
    path: Path, convention: str, layer: str = LAYER, size: tuple[int, int] = (16, 16), seed: int = 1
) -> torch.Tensor:
    """Write a LoRA for one layer of ``size`` (out, in); returns what it adds to that layer's weight.

    ``kohya`` is how LCM-LoRA and Hyper-SD are published, ``peft`` how diffusers saves.
    """
    random = torch.Generator().manual_seed(seed)
    down = torch.randn((RANK, size[1]), generator=random)
    up = torch.randn((size[0], RANK), generator=random)
    if convention == "kohya":
        name = "lora_unet_" + layer.replace(".", "_")
        weights = {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
        save_file(weights | {f"{name}.alpha": torch.tensor(ALPHA)}, path)
        return up @ down * (ALPHA / RANK)
    name = "unet." + layer
    save_file({f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}, path)
    return up @ down
