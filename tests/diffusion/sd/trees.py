"""Stable Diffusion in its real file formats, with tiny networks and random weights."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

# read when huggingface_hub is first imported: no test may reach for the network
os.environ["HF_HUB_OFFLINE"] = "1"

import torch

PROMPT_TOKENS = 20
HIDDEN = 32
SECOND_HIDDEN = 40
"""diffusers tells the two text encoders of a single file apart by their width"""
POOLED = 24
BETAS = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
}


SDXS: dict[str, Any] = {
    "block_out_channels": (16, 16, 32),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "mid_block_type": None,
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "use_linear_projection": True,
}
"""SDXS-512's U-Net: no middle, no attention at the finest level"""


def make_tree(
    folder: Path, kind: str = "eps", tiny_vae: bool = False, own_vae: Any = None, **unet: Any
) -> Path:
    """Write a diffusers folder of one of ``SCHEDULERS``' kinds; ``unet`` overrides its config."""
    from diffusers import StableDiffusionPipeline

    torch.manual_seed(0)
    tokenizer = _tokenizer(folder / "tokenizer")
    StableDiffusionPipeline(
        vae=_vae() if own_vae is None else own_vae,
        text_encoder=_text_encoder(tokenizer, exact=kind == "v"),
        tokenizer=tokenizer,
        unet=_unet(**({"time_cond_proj_dim": 16} if kind == "lcm" else {}), **unet),
        scheduler=scheduler(kind),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder, safe_serialization=True)
    if tiny_vae:
        make_tiny_vae(folder / "taesd")
    return folder


def make_xl_tree(folder: Path, kind: str = "lightning", tiny_vae: bool = False) -> Path:
    """Write an SDXL folder: two text encoders, the second with a pooled projection."""
    from diffusers import StableDiffusionXLPipeline

    torch.manual_seed(1)
    first, second = _tokenizer(folder / "tokenizer"), _tokenizer(folder / "tokenizer_2")
    StableDiffusionXLPipeline(
        vae=_vae(),
        text_encoder=_text_encoder(first),
        text_encoder_2=_text_encoder(second, exact=True, pooled=True, hidden=SECOND_HIDDEN),
        tokenizer=first,
        tokenizer_2=second,
        unet=_unet(
            cross_attention_dim=HIDDEN + SECOND_HIDDEN,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=POOLED + 6 * 8,
            use_linear_projection=True,
            transformer_layers_per_block=2,
        ),
        scheduler=scheduler(kind),
        add_watermarker=False,
    ).save_pretrained(folder, safe_serialization=True)
    if tiny_vae:
        make_tiny_vae(folder / "taesdxl")
    return folder


def scheduler(kind: str) -> Any:
    """The scheduler that checkpoints of a kind are published with."""
    import diffusers

    euler = {"timestep_spacing": "trailing", **BETAS}
    if kind in ("eps", "v"):
        prediction = "v_prediction" if kind == "v" else "epsilon"
        return diffusers.DDIMScheduler(
            clip_sample=False,
            timestep_spacing="trailing",
            prediction_type=prediction,
            **BETAS,
        )
    if kind == "lightning":
        return diffusers.EulerDiscreteScheduler(**euler)
    if kind == "turbo":
        return diffusers.EulerAncestralDiscreteScheduler(**euler)
    if kind == "lcm":
        return diffusers.LCMScheduler(**BETAS)
    return diffusers.TCDScheduler(**BETAS)


def make_tiny_vae(folder: Path, latent_channels: int = 4) -> Path:
    """Write an AutoencoderTiny, TAESD's format."""
    tiny_autoencoder(latent_channels).save_pretrained(folder, safe_serialization=True)
    return folder


def tiny_autoencoder(latent_channels: int = 4) -> Any:
    from diffusers import AutoencoderTiny

    return AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
        latent_channels=latent_channels,
    )


def _vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=64,
    )


def _text_encoder(
    tokenizer: Any, exact: bool = False, pooled: bool = False, hidden: int = HIDDEN
) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=PROMPT_TOKENS,
        hidden_act="gelu" if exact else "quick_gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        projection_dim=POOLED,
    )
    return CLIPTextModelWithProjection(config) if pooled else CLIPTextModel(config)


def _unet(**settings: Any) -> Any:
    from diffusers import UNet2DConditionModel

    usual = {
        "sample_size": 8,
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "cross_attention_dim": HIDDEN,
        "attention_head_dim": 2,
        "norm_num_groups": 8,
    }
    return UNet2DConditionModel(**usual | settings)


def _tokenizer(folder: Path) -> Any:
    """Byte-level BPE as CLIP's: every byte, alone and at the end of a word, and two merges."""
    from transformers import CLIPTokenizer

    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]
    merges = [("r", "e"), ("re", "d</w>")]
    words = letters + [letter + "</w>" for letter in letters] + ["".join(pair) for pair in merges]
    words += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    vocabulary = {word: index for index, word in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings = {"model_max_length": PROMPT_TOKENS, "tokenizer_class": "CLIPTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return CLIPTokenizer.from_pretrained(folder)
