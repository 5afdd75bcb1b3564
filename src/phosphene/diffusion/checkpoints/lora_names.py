"""Which layer a LoRA's file means: kohya's, diffusers', peft's and the original layout's names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

# longest first, for one may begin another
_PREFIXES: tuple[tuple[str, str], ...] = (
    ("conditioner.embedders.0.transformer.", "text_encoder"),
    ("cond_stage_model.transformer.", "text_encoder"),
    ("model.diffusion_model.", "unet"),
    ("diffusion_model.", "unet"),
    ("text_encoder_2.", "text_encoder_2"),
    ("text_encoder.", "text_encoder"),
    ("transformer.", "transformer"),
    ("lora_transformer_", "transformer"),
    ("lora_unet_", "unet"),
    ("lora_te1_", "text_encoder"),
    ("lora_te2_", "text_encoder_2"),
    ("lora_te_", "text_encoder"),
    ("unet.", "unet"),
)
_WRAPPERS = ("base_model.model.", "lycoris_")
"""what peft and LyCORIS put before the name of a layer"""
_ORIGINAL = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
"""layers of a residual block: diffusers' name, and the original's"""
_ORIGINAL_ALONE = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_TEXT = "text_model."


class Places:
    """The layers of a model, under every name that files have for them."""

    def __init__(self, parts: Mapping[str, Iterable[str]]) -> None:
        """``parts``: paths of layers that have weights, by part (unet, text_encoder, ...)."""
        self._tables: dict[str, dict[str, str]] = {}
        for part, paths in parts.items():
            own = list(paths)
            table = {_flat(path.removeprefix(_TEXT)): path for path in own}
            if part == "unet":
                table |= {_flat(name): path for path, name in original_names(own)}
            self._tables[part] = table

    def find(self, name: str) -> tuple[str, str] | None:
        """(part, path) of the layer that a file calls ``name``; None where the model has none."""
        for wrapper in _WRAPPERS:
            name = name.removeprefix(wrapper)
        parts: Iterable[str] = self._tables
        for prefix, part in _PREFIXES:
            if name.startswith(prefix):
                name, parts = name.removeprefix(prefix), (part,)
                break
        flat = _flat(name.replace(".processor.", "."))
        for part in parts:
            table = self._tables.get(part, {})
            # attention processors of old diffusers have no index there
            for spelt in (flat, flat.removeprefix(_flat(_TEXT)), f"{flat}_0"):
                if spelt in table:
                    return part, table[spelt]
        return None


def _flat(path: str) -> str:
    return path.replace(".", "_")


def original_names(paths: list[str]) -> Iterator[tuple[str, str]]:
    """(diffusers' path, the original's) of a U-Net's layers."""
    first = [re.match(r"down_blocks\.0\.resnets\.(\d+)\.", path) for path in paths]
    depth = 1 + max((int(found[1]) for found in first if found), default=0)
    attentive = {found[1] for p in paths if (found := re.match(r"up_blocks\.(\d+)\.attentions", p))}
    for path in paths:
        if path in _ORIGINAL_ALONE:
            yield path, _ORIGINAL_ALONE[path]
        elif found := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)", path):
            place = 2 * int(found[2]) if found[1] == "resnets" else 1
            yield path, f"middle_block.{place}.{_ORIGINAL.get(found[3], found[3])}"
        elif found := re.fullmatch(r"(down|up)_blocks\.(\d+)\.(\w+?)\.(\d+)\.(.+)", path):
            way, block, kind, layer, rest = (
                found[1],
                int(found[2]),
                found[3],
                int(found[4]),
                found[5],
            )
            down = way == "down"
            index = block * (depth + 1) + layer + int(down)
            if kind == "downsamplers":
                yield path, f"input_blocks.{(block + 1) * (depth + 1)}.0.op"
                continue
            inner = 1 if kind == "attentions" else 0
            if kind == "upsamplers":
                index, inner = block * (depth + 1) + depth, 2 if found[2] in attentive else 1
            yield (
                path,
                f"{'in' if down else 'out'}put_blocks.{index}.{inner}.{_ORIGINAL.get(rest, rest)}",
            )
