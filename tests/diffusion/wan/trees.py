"""Random Wan streams of two layers on disk, in every published layout."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch

from phosphene.diffusion.wan import weights
from phosphene.diffusion.wan.tiny import Taehv

CHANNELS = 4
TEXT = 16
NET: dict[str, Any] = {
    "num_attention_heads": 2, "attention_head_dim": 12, "in_channels": CHANNELS, "out_channels": CHANNELS,
    "text_dim": TEXT, "freq_dim": 32, "ffn_dim": 48, "num_layers": 2,
}  # fmt: skip
VAE: dict[str, Any] = {
    "base_dim": 4, "z_dim": CHANNELS, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1,
    "latents_mean": [0.1] * CHANNELS, "latents_std": [1.5] * CHANNELS,
}  # fmt: skip
ORIGINAL = {"_class_name": "WanModel", "model_type": "t2v", "num_heads": 2, "num_layers": 2}


@cache
def transformer(layers: int = 2) -> Any:
    """Random, and far enough from 0 that every part is heard."""
    from diffusers import WanTransformer3DModel

    torch.manual_seed(7)
    net = WanTransformer3DModel(**NET | {"num_layers": layers}).eval().requires_grad_(False)
    for weight in net.parameters():
        weight.add_(0.1 * torch.randn_like(weight))
    return net


@cache
def vae() -> Any:
    from diffusers import AutoencoderKLWan

    torch.manual_seed(8)
    return AutoencoderKLWan(**VAE).eval().requires_grad_(False)


@cache
def taehv() -> Taehv:
    torch.manual_seed(9)
    return Taehv(CHANNELS, (16, 8, 8, 8)).eval().requires_grad_(False)


def original() -> dict[str, Any]:
    """The transformer's tensors by Wan's own names."""
    return {weights.to_original(n): t.clone() for n, t in transformer().state_dict().items()}


def add_text(folder: Path) -> None:
    """A text encoder and a tokenizer of characters, in diffusers' layout."""
    from tokenizers import Tokenizer
    from tokenizers.models import Unigram
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

    letters = [(chr(c), -3.0) for c in range(32, 127)]
    tokens = Tokenizer(
        Unigram([("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0), *letters], unk_id=2)
    )
    tokens.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokens, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    fast.save_pretrained(str(folder / "tokenizer"))
    torch.manual_seed(10)
    config = UMT5Config(
        d_model=TEXT, d_kv=8, d_ff=32, num_layers=2, num_heads=2, vocab_size=128,
        feed_forward_proj="gated-gelu",
    )  # fmt: skip
    UMT5EncoderModel(config).save_pretrained(str(folder / "text_encoder"))


def add_tiny(folder: Path) -> None:
    torch.save(taehv().state_dict(), folder / "taew2_1.pth")


def diffusers_tree(folder: Path, *, text: bool = True, tiny: bool = True) -> Path:
    """All parts in diffusers' layout."""
    transformer().save_pretrained(str(folder / "transformer"))
    vae().save_pretrained(str(folder / "vae"))
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "WanPipeline"}))
    if text:
        add_text(folder)
    if tiny:
        add_tiny(folder)
    return folder


def student(folder: Path, name: str, key: str, prefix: str = "model.") -> Path:
    """A student alone, as training code saves it, with Wan's folder beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {prefix + name: each for name, each in original().items()}
    torch.save({key: tensors, "step": 600}, folder / name)
    (folder / "config.json").write_text(json.dumps(ORIGINAL))
    base = folder / "wan_models/Wan2.1-T2V-1.3B"
    base.mkdir(parents=True, exist_ok=True)
    vae().save_pretrained(str(base / "vae"))
    return folder / name


def lora(rank: int = 3) -> dict[str, Any]:
    """As LongLive's: every matrix of every block, named by peft."""
    torch.manual_seed(11)
    found = {}
    for name, each in original().items():
        if name.startswith("blocks.") and each.ndim == 2:
            module = f"base_model.model.{name.removesuffix('.weight')}"
            found[f"{module}.lora_A.weight"] = torch.randn(rank, each.shape[1])
            found[f"{module}.lora_B.weight"] = torch.randn(each.shape[0], rank)
    return found
