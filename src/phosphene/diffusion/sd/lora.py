"""LoRAs: found, checked against the model, fused or kept apart with a live scale."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from phosphene.config import DiffusionConfig, LoraConfig
from phosphene.diffusion.sd.errors import HUB_FILE, check_source, explained
from phosphene.diffusion.sd.source import Shapes, read_header
from phosphene.errors import ModelError

LORA_FILE = "pytorch_lora_weights.safetensors"
"""the usual file in a LoRA's repo; others are asked for as ``owner/name/file.safetensors``"""

WIDTHS = {768: "SD 1", 1024: "SD 2", 2048: "SDXL"}
"""width of the text embeddings, which is what a LoRA's cross attention shows of its model"""

# kohya: lora_unet_..._attn2_to_k.lora_down.weight; peft: unet....attn2.to_k.lora_A.weight
_CROSS_IN = re.compile(r"attn2[._]to_k\.(lora_down|lora_A|lora\.down)")


def wanted(config: DiffusionConfig) -> list[LoraConfig]:
    """All LoRAs that a config names, the few-step one of ``lora_id`` first."""
    first = [] if config.lora_id is None else [LoraConfig(id=config.lora_id)]
    return [*first, *config.loras]


def find(lora_id: str) -> Path:
    """The file of a LoRA: local, in a local folder, or from the hub. Raises ModelError."""
    check_source(lora_id, "LoRA", HUB_FILE)
    path = Path(lora_id).expanduser()
    if path.is_dir():
        files = [path / LORA_FILE] if (path / LORA_FILE).is_file() else []
        files = files or sorted(path.glob("*.safetensors"))
        if len(files) != 1:
            raise ModelError(
                f"{lora_id} holds {len(files)} .safetensors files: name the LoRA's own file."
            )
        return files[0]
    if path.is_file():
        return path
    with explained(lora_id, "LoRA"):
        import huggingface_hub

        owner, repo, *inner = lora_id.split("/", 2)
        file = inner[0] if inner else LORA_FILE
        return Path(huggingface_hub.hf_hub_download(f"{owner}/{repo}", file))


def check_fit(shapes: Shapes, width: int, lora_id: str) -> None:
    """Refuse a LoRA whose text width is not the model's ``width``. Raises ModelError."""
    found = {shape[1] for key, shape in shapes.items() if _CROSS_IN.search(key) and len(shape) > 1}
    if found and found != {width}:
        other = max(found - {width})
        raise ModelError(
            f"LoRA {lora_id} is for {WIDTHS.get(other, 'another family')} (text width {other}), this model is"
            f" {WIDTHS.get(width, 'of another family')} (text width {width}): use one made for it."
        )


class Loras:
    """The LoRAs of one model. Fixed ones are fused at load and cost nothing after."""

    def __init__(self, pipe: Any, loras: Sequence[LoraConfig]) -> None:
        self._pipe = pipe
        self._live: list[str] = []
        self._scales: tuple[float, ...] = ()
        fixed = [lora for lora in loras if not lora.live]
        for index, lora in enumerate(fixed):
            self._load(lora, f"fixed{index}")
        if fixed:
            names = [f"fixed{index}" for index in range(len(fixed))]
            pipe.set_adapters(names, [lora.scale for lora in fixed])
            pipe.fuse_lora(adapter_names=names)
            # the sum stays in the weights; this frees the adapters and their cost per call
            pipe.unload_lora_weights()
        for index, lora in enumerate(lora for lora in loras if lora.live):
            self._load(lora, f"live{index}")
            self._live.append(f"live{index}")
        self.follow(loras)

    @property
    def live(self) -> bool:
        """Whether any scale may still change."""
        return bool(self._live)

    def follow(self, loras: Sequence[LoraConfig]) -> bool:
        """Take the scales of the live ones among ``loras``; True when one changed."""
        scales = tuple(lora.scale for lora in loras if lora.live)
        if not self._live or scales == self._scales or len(scales) != len(self._live):
            return False
        self._pipe.set_adapters(self._live, list(scales))
        self._scales = scales
        return True

    def _load(self, lora: LoraConfig, name: str) -> None:
        path = find(lora.id)
        check_fit(read_header(path), self._pipe.unet.config.cross_attention_dim, lora.id)
        with explained(lora.id, "LoRA"):
            # a local file by its folder and name, for a single path is looked up on the hub
            self._pipe.load_lora_weights(
                str(path.parent), weight_name=path.name, adapter_name=name, use_safetensors=True
            )
        adapters = self._pipe.get_list_adapters().values()
        if not any(name in names for names in adapters):
            raise ModelError(f"LoRA {lora.id} holds nothing that fits this model.")
