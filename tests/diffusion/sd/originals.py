"""Single checkpoint files in the layout of the original SD and SDXL code, made from small trees."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from safetensors.torch import save_file

Weights = dict[str, torch.Tensor]


def make_single_file(tree: Path, path: Path) -> Path:
    """Write the weights of ``tree``, SD 1.5 or SDXL, as one checkpoint."""
    from diffusers import DiffusionPipeline

    pipe = DiffusionPipeline.from_pretrained(tree)
    weights: Weights = {}
    for key, value in pipe.unet.state_dict().items():
        weights["model.diffusion_model." + _original_unet_key(key)] = value
    for key, value in pipe.vae.state_dict().items():
        name = _original_vae_key(key)
        convolution = ".attn_1." in name and value.ndim == 2
        weights["first_stage_model." + name] = value[:, :, None, None] if convolution else value
    large = hasattr(pipe, "text_encoder_2")
    place = "conditioner.embedders.0.transformer." if large else "cond_stage_model.transformer."
    for key, value in pipe.text_encoder.state_dict().items():
        weights[place + "text_model." + key.removeprefix("text_model.")] = value
    if large:
        second = _openclip(pipe.text_encoder_2.state_dict())
        weights |= {"conditioner.embedders.1.model." + key: value for key, value in second.items()}
    save_file({key: value.contiguous() for key, value in weights.items()}, path)
    return path


_OPENCLIP_NAMES = {
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.token_embedding": "token_embedding",
    "final_layer_norm": "ln_final",
    "encoder.layers": "transformer.resblocks",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def _openclip(state: Weights) -> Weights:
    """A CLIP text model's weights in OpenCLIP's layout: q, k and v in one matrix."""
    weights: Weights = {}
    for key, value in state.items():
        name = key.removeprefix("text_model.")
        if key == "text_projection.weight":
            weights["text_projection"] = value.T
        elif found := re.match(r"encoder\.layers\.(\d+)\.self_attn\.q_proj\.(weight|bias)", name):
            parts = [state[key.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")]
            weights[f"transformer.resblocks.{found[1]}.attn.in_proj_{found[2]}"] = torch.cat(parts)
        elif "k_proj" not in name and "v_proj" not in name:
            for old, new in _OPENCLIP_NAMES.items():
                name = name.replace(old, new)
            weights[name] = value
    return weights


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
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
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
