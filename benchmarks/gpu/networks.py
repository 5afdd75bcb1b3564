"""Real architectures with random weights, written in diffusers' layout; toys for machines without a GPU."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sd import write_tokenizer

BETAS = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
}
TRAILING = {"timestep_spacing": "trailing", **BETAS}


@dataclass(frozen=True)
class Architecture:
    """What is published in a checkpoint's configs, as far as speed hangs on it."""

    unet: dict[str, Any]
    text: dict[str, Any]
    scheduler: str
    second_text: dict[str, Any] | None = None
    own_tiny: bool = False
    """whether its only autoencoder is a tiny one"""


OPEN_CLIP_H = {
    "hidden_size": 1024,
    "num_hidden_layers": 23,
    "num_attention_heads": 16,
    "hidden_act": "gelu",
}
OPEN_CLIP_G = {
    "hidden_size": 1280,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "hidden_act": "gelu",
}
CLIP_L = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_act": "quick_gelu",
}
XL = {
    "sample_size": 64,
    "cross_attention_dim": 2048,
    "attention_head_dim": (5, 10, 20),
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
WIDE = {"block_out_channels": (320, 640, 1280, 1280), "sample_size": 64}

ARCHITECTURES: dict[str, Architecture] = {
    "sd-turbo": Architecture(
        {
            **WIDE,
            "cross_attention_dim": 1024,
            "attention_head_dim": (5, 10, 20, 20),
            "use_linear_projection": True,
        },
        OPEN_CLIP_H,
        "EulerDiscreteScheduler",
    ),
    # 319 M numbers, where 328 M are told of it: its config was not at hand
    "sdxs": Architecture(
        {
            "sample_size": 64,
            "cross_attention_dim": 1024,
            "attention_head_dim": (5, 10, 20),
            "block_out_channels": (320, 640, 1280),
            "layers_per_block": 1,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "mid_block_type": None,
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "use_linear_projection": True,
        },
        OPEN_CLIP_H,
        "EulerDiscreteScheduler",
        own_tiny=True,
    ),
    # an LCM-LoRA fused into SD 1.5 has its shapes, and LCM's scheduler
    "sd15": Architecture(
        {**WIDE, "cross_attention_dim": 768, "attention_head_dim": 8}, CLIP_L, "LCMScheduler"
    ),
    "sdxl-turbo": Architecture(XL, CLIP_L, "EulerAncestralDiscreteScheduler", OPEN_CLIP_G),
}


def toy(kind: Architecture) -> Architecture:
    """The same kind of networks, a few thousand weights each."""
    large = kind.second_text is not None
    first, second = 32, 40
    unet = {
        **kind.unet,
        "sample_size": 8,
        "block_out_channels": (16, 32),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 1,
        "attention_head_dim": 4,
        "norm_num_groups": 4,
        "cross_attention_dim": first + (second if large else 0),
    }
    if large:
        unet |= {"transformer_layers_per_block": 1, "addition_time_embed_dim": 8}
        unet |= {"projection_class_embeddings_input_dim": second + 6 * 8}

    def small(text: dict[str, Any], hidden: int) -> dict[str, Any]:
        return {**text, "hidden_size": hidden, "num_hidden_layers": 2, "num_attention_heads": 4}

    return Architecture(
        unet,
        small(kind.text, first),
        kind.scheduler,
        small(kind.second_text, second) if kind.second_text else None,
        kind.own_tiny,
    )


def make_tree(folder: Path, name: str, small: bool) -> Path:
    """Write a checkpoint of random float16 weights (float32 for toys), unless it is there."""
    import diffusers
    import torch
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    done = folder / "model_index.json"
    if done.is_file():
        return folder
    kind = toy(ARCHITECTURES[name]) if small else ARCHITECTURES[name]
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float32 if small else torch.float16)
    large = kind.second_text is not None
    blocks = (8, 8, 8, 16) if small else (128, 256, 512, 512)
    tiny: dict[str, Any] = {
        "encoder_block_out_channels": (8,) * 4,
        "decoder_block_out_channels": (8,) * 4,
    }
    nets: dict[str, Any] = {
        "unet": diffusers.UNet2DConditionModel(**kind.unet),
        "vae": diffusers.AutoencoderKL(
            block_out_channels=blocks,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            latent_channels=4,
            norm_num_groups=4 if small else 32,
        ),
        "text_encoder": CLIPTextModel(_text(kind.text)),
        "taesdxl" if large else "taesd": diffusers.AutoencoderTiny(**(tiny if small else {})),
    }
    if kind.own_tiny:
        nets["vae"] = nets["taesd"]
    if kind.second_text is not None:
        nets["text_encoder_2"] = CLIPTextModelWithProjection(_text(kind.second_text))
    torch.set_default_dtype(torch.float32)
    index: dict[str, Any] = {}
    for part, net in nets.items():
        net.save_pretrained(folder / part, safe_serialization=True)
        if not part.startswith("taesd"):
            library = "transformers" if part.startswith("text") else "diffusers"
            index[part] = [library, type(net).__name__]
        if part.startswith("text"):
            tokenizer = part.replace("text_encoder", "tokenizer")
            write_tokenizer(folder / tokenizer)
            index[tokenizer] = ["transformers", "CLIPTokenizer"]
    settings = BETAS if kind.scheduler == "LCMScheduler" else TRAILING
    getattr(diffusers, kind.scheduler)(**settings).save_pretrained(folder / "scheduler")
    index["scheduler"] = ["diffusers", kind.scheduler]
    pipeline = "StableDiffusionXLPipeline" if large else "StableDiffusionPipeline"
    done.write_text(json.dumps({"_class_name": pipeline, **index}))
    return folder


def _text(told: dict[str, Any]) -> Any:
    from transformers import CLIPTextConfig

    hidden = told["hidden_size"]
    return CLIPTextConfig(
        **told,
        intermediate_size=4 * hidden,
        projection_dim=hidden,
        vocab_size=49408,
        eos_token_id=2,
    )
