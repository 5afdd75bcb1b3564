"""Stable Diffusion 1.5 in its real file formats, with tiny networks and random weights."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

# read when huggingface_hub is first imported: no test may reach for the network
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from safetensors.torch import save_file

Weights = dict[str, torch.Tensor]

PROMPT_TOKENS = 20
HIDDEN = 32
LORA_LAYER = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
LORA_RANK, LORA_ALPHA = 4, 2.0


def make_tree(
    folder: Path, prediction: str = "epsilon", unet_channels: int = 4, tiny_vae: bool = False
) -> Path:
    """Write a diffusers folder, optionally with the tiny autoencoder beside the other parts."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    tokenizer = _tokenizer(folder / "tokenizer")
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=HIDDEN,
            intermediate_size=37,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=PROMPT_TOKENS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=64,
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        steps_offset=1,
        timestep_spacing="trailing",
        prediction_type=prediction,
    )
    StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=_unet(unet_channels),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder, safe_serialization=True)
    if tiny_vae:
        make_tiny_vae(folder / "taesd")
    return folder


def make_tiny_vae(folder: Path, latent_channels: int = 4) -> Path:
    """Write an AutoencoderTiny, TAESD's format."""
    from diffusers import AutoencoderTiny

    AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
        latent_channels=latent_channels,
    ).save_pretrained(folder, safe_serialization=True)
    return folder


def _unet(channels: int) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=8,
        in_channels=channels,
        out_channels=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=HIDDEN,
        attention_head_dim=2,
        norm_num_groups=8,
    )


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


def make_lora(path: Path, convention: str) -> torch.Tensor:
    """Write a LoRA for one layer; returns what it adds to that layer's weight.

    ``kohya`` is how LCM-LoRA and Hyper-SD are published, ``peft`` how diffusers saves.
    """
    random = torch.Generator().manual_seed(1)
    down = torch.randn((LORA_RANK, 16), generator=random)
    up = torch.randn((16, LORA_RANK), generator=random)
    if convention == "kohya":
        name = "lora_unet_" + LORA_LAYER.replace(".", "_")
        weights = {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
        save_file(weights | {f"{name}.alpha": torch.tensor(LORA_ALPHA)}, path)
        return up @ down * (LORA_ALPHA / LORA_RANK)
    name = "unet." + LORA_LAYER
    save_file({f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}, path)
    return up @ down


def make_single_file(tree: Path, path: Path) -> Path:
    """Write the weights of ``tree`` as one checkpoint in the layout of the original SD 1.5 code."""
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(tree, safety_checker=None)
    weights: Weights = {}
    for key, value in pipe.unet.state_dict().items():
        weights["model.diffusion_model." + _original_unet_key(key)] = value
    for key, value in pipe.vae.state_dict().items():
        name = _original_vae_key(key)
        convolution = ".attn_1." in name and value.ndim == 2
        weights["first_stage_model." + name] = value[:, :, None, None] if convolution else value
    for key, value in pipe.text_encoder.state_dict().items():
        name = "text_model." + key.removeprefix("text_model.")
        weights["cond_stage_model.transformer." + name] = value
    save_file({key: value.contiguous() for key, value in weights.items()}, path)
    return path


_UNET_BLOCKS = [
    (r"down_blocks\.(\d)\.resnets\.(\d)", lambda b, i: f"input_blocks.{1 + 2 * b + i}.0"),
    (r"down_blocks\.(\d)\.attentions\.(\d)", lambda b, i: f"input_blocks.{1 + 2 * b + i}.1"),
    (r"down_blocks\.(\d)\.downsamplers\.(\d)\.conv", lambda b, i: f"input_blocks.{2 + 2 * b}.0.op"),
    (r"up_blocks\.(\d)\.resnets\.(\d)", lambda b, i: f"output_blocks.{2 * b + i}.0"),
    (r"up_blocks\.(\d)\.attentions\.(\d)", lambda b, i: f"output_blocks.{2 * b + i}.1"),
    (r"up_blocks\.(\d)\.upsamplers\.(\d)", lambda b, i: f"output_blocks.{2 * b + 1}.1"),
    (r"mid_block\.(resnets)\.(\d)", lambda _, i: f"middle_block.{2 * i}"),
    (r"mid_block\.(attentions)\.(\d)", lambda _, i: "middle_block.1"),
]
_UNET_NAMES = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "conv_in": "input_blocks.0.0",
}
_RESNET_NAMES = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}


def _original_unet_key(key: str) -> str:
    for pattern, rename in _UNET_BLOCKS:
        if found := re.match(pattern, key):
            block, index = found.groups()
            rest = key[found.end() :]
            if ".resnets." in found.group():
                rest = _replace(rest, _RESNET_NAMES)
            return rename(int(block) if block.isdigit() else 0, int(index)) + rest
    return _replace(key, _UNET_NAMES)


def _original_vae_key(key: str) -> str:
    key = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", key)
    key = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", key)
    key = re.sub(r"up_blocks\.(\d)\.resnets", lambda m: f"up.{3 - int(m[1])}.block", key)
    key = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{3 - int(m[1])}.upsample", key)
    key = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", key)
    if "mid_block.attentions.0" in key:
        key = key.replace("mid_block.attentions.0", "mid.attn_1").replace("group_norm", "norm")
        return key.replace("to_out.0", "proj_out").replace(".to_", ".")
    return key.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")


def _replace(text: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        if old in text:
            return text.replace(old, new)
    return text
