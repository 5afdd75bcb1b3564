"""What a checkpoint's unet/config.json says of the U-Net's shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from phosphene.errors import ModelError

BLOCKS = {
    "CrossAttnDownBlock2D": True,
    "DownBlock2D": False,
    "CrossAttnUpBlock2D": True,
    "UpBlock2D": False,
}
"""blocks that are known, and whether they have attention"""
PLAIN: dict[str, Any] = {
    "act_fn": "silu",
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "class_embed_type": None,
    "encoder_hid_dim_type": None,
    "resnet_time_scale_shift": "default",
    "time_embedding_type": "positional",
    "only_cross_attention": False,
    "dual_cross_attention": False,
    "attention_type": "default",
}
"""settings of other architectures, at the value that Stable Diffusion has"""


@dataclass(frozen=True)
class UnetStage:
    """One resolution of the U-Net."""

    resnets: int
    """on the way down; the way up has one more"""
    heads: int
    transformers: int
    """blocks in each of its transformers"""


@dataclass(frozen=True)
class UNetConfig:
    """What a checkpoint's unet/config.json says, as far as the weights do not."""

    channels: int
    """of the latent"""
    width: int
    """of the first stage, and of the sinusoids of time"""
    stages: tuple[UnetStage, ...]
    down: tuple[bool, ...]
    """whether each stage has attention on the way down"""
    up: tuple[bool, ...]
    """and on the way up, coarsest first"""
    text_width: int
    """of the prompt's embedding"""
    groups: int
    eps: float
    cos_first: bool
    shift: float
    size_width: int | None
    """width of the sinusoids of each size that SDXL is told"""
    middle: bool
    """whether there is a middle block; SDXS has none"""
    guidance_width: int | None
    """width of the guidance that LCM checkpoints are told"""

    @classmethod
    def read(cls, config: dict[str, Any]) -> UNetConfig:
        """Of diffusers' dictionary. Raises ModelError for another architecture."""
        for name, value in PLAIN.items():
            if config.get(name, value) not in (value, None):
                raise ModelError(
                    f"the U-Net's {name} is '{config[name]}', which MLX cannot draw with: use device mps or"
                    " cpu."
                )
        kinds = [*config["down_block_types"], *config["up_block_types"]]
        for kind in kinds:
            if kind not in BLOCKS:
                raise ModelError(
                    f"the U-Net has a {kind}, which MLX cannot draw with: use device mps or cpu."
                )
        count = len(config["block_out_channels"])
        # diffusers calls the number of heads attention_head_dim
        heads = config.get("num_attention_heads") or config.get("attention_head_dim", 8)
        numbers = (
            _per_stage(config.get("layers_per_block", 2), count),
            _per_stage(heads, count),
            _per_stage(config.get("transformer_layers_per_block", 1), count),
        )
        added = config.get("addition_embed_type") == "text_time"
        return cls(
            channels=config["in_channels"],
            width=config["block_out_channels"][0],
            stages=tuple(UnetStage(*each) for each in zip(*numbers, strict=True)),
            down=tuple(BLOCKS[kind] for kind in config["down_block_types"]),
            up=tuple(BLOCKS[kind] for kind in config["up_block_types"]),
            text_width=config["cross_attention_dim"],
            groups=config.get("norm_num_groups", 32),
            eps=config.get("norm_eps", 1e-5),
            cos_first=config.get("flip_sin_to_cos", True),
            shift=config.get("freq_shift", 0),
            size_width=config["addition_time_embed_dim"] if added else None,
            middle=config.get("mid_block_type", "") is not None,
            guidance_width=config.get("time_cond_proj_dim"),
        )


def _per_stage(value: int | Sequence[int], count: int) -> list[int]:
    """A setting that may be one number for all stages."""
    return [value] * count if isinstance(value, int) else list(value)
