"""LoRAs: found, checked against the model, added to its weights or kept apart with a live scale."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phosphene.config import DiffusionConfig, LoraConfig
from phosphene.diffusion.checkpoints.errors import HUB_FILE, check_source, explained
from phosphene.diffusion.checkpoints.families import other_base
from phosphene.diffusion.checkpoints.lora_file import Change, read_changes
from phosphene.diffusion.checkpoints.lora_names import Places
from phosphene.diffusion.checkpoints.source import Shapes, read_header
from phosphene.errors import ModelError

if TYPE_CHECKING:
    import torch

PARTS = ("unet", "transformer", "text_encoder", "text_encoder_2")
"""networks that a LoRA may change, as diffusers calls them"""
LORA_FILE = "pytorch_lora_weights.safetensors"
"""the usual file in a LoRA's repo; others are asked for as ``owner/name/file.safetensors``"""

# kohya: lora_unet_..._attn2_to_k.lora_down.weight; peft: unet....attn2.to_k.lora_A.weight
_CROSS_IN = re.compile(r"attn2[._]to_k\.(lora_down|lora_A|lora\.down|hada_w1_b)")


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
    if found and width and found != {width}:
        raise other_base(f"LoRA {lora_id}", max(found - {width}), width)


class Loras:
    """The LoRAs of one model. Fixed ones are added to the weights and cost nothing after."""

    def __init__(self, pipe: Any, loras: Sequence[LoraConfig]) -> None:
        self._live: list[_Live] = []
        self._scales: tuple[float, ...] = ()
        if not loras:
            return
        nets = {part: net for part in PARTS if (net := getattr(pipe, part, None)) is not None}
        width = getattr(pipe.unet.config, "cross_attention_dim", 0) if "unet" in nets else 0
        places = Places({part: _layers(net) for part, net in nets.items()})
        for lora in sorted(loras, key=lambda lora: lora.live):
            path = find(lora.id)
            check_fit(read_header(path), width, lora.id)
            live = _Live() if lora.live else None
            for change in read_changes(path, places, lora.id):
                _apply(change, nets[change.part].get_submodule(change.path), lora, live)
            if live is not None:
                self._live.append(live)
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
        for live, scale in zip(self._live, scales, strict=True):
            live.scale = scale
        # a weight may be changed by several
        for rewrite in {id(each): each for live in self._live for each in live.rewritten}.values():
            rewrite()
        self._scales = scales
        return True


class _Live:
    """One LoRA whose scale may change while it plays."""

    def __init__(self) -> None:
        self.scale = 0.0
        self.rewritten: list[_Rewritten] = []


class _Rewritten:
    """A weight that is written anew when a scale changes: what it was, and what is added.

    They are buffers of the layer, so that they go to its device with it.
    """

    def __init__(self, layer: Any, leaf: str) -> None:
        self._layer, self._leaf = layer, leaf
        self._added: list[tuple[_Live, str]] = []
        layer.register_buffer(
            f"lora_{leaf}", getattr(layer, leaf).detach().clone(), persistent=False
        )

    def add(self, live: _Live, added: torch.Tensor) -> None:
        name = f"lora_{self._leaf}_{len(self._added)}"
        self._layer.register_buffer(name, added, persistent=False)
        self._added.append((live, name))
        live.rewritten.append(self)

    def __call__(self) -> None:
        import torch

        with torch.no_grad():
            whole = getattr(self._layer, f"lora_{self._leaf}").float()
            for live, name in self._added:
                whole = whole + live.scale * getattr(self._layer, name).float()
            getattr(self._layer, self._leaf).copy_(whole)


def _layers(net: Any) -> list[str]:
    """Paths of the layers that have weights of their own."""
    return [
        name
        for name, layer in net.named_modules()
        if next(layer.parameters(False), None) is not None
    ]


def _apply(change: Change, layer: Any, lora: LoraConfig, live: _Live | None) -> None:
    """Change one layer now, or prepare to. Raises ModelError where the shapes differ."""
    import torch

    def now(leaf: str) -> Any:
        return _written(layer, leaf).detach().float().cpu().numpy()

    found: dict[str, Any] = {}
    for leaf, adds in (("weight", change.weight), ("bias", change.bias)):
        if getattr(layer, leaf, None) is None:
            if leaf == "bias" and {"diff_bias", "up_bias"} & change.held.keys():
                raise ModelError(misfit(lora.id, change, "a bias, which that layer has not"))
            continue
        try:
            found[leaf] = adds(now(leaf))
        except ValueError as error:
            raise ModelError(misfit(lora.id, change, str(error))) from error
    if live is not None and change.plain and isinstance(layer, torch.nn.Linear | torch.nn.Conv2d):
        _put_beside(change, layer, live)
        return
    for leaf, added in found.items():
        if added is None:
            continue
        tensor = torch.from_numpy(added)
        if live is None:
            with torch.no_grad():
                getattr(layer, leaf).add_(lora.scale * tensor)
            continue
        rewritten = layer.__dict__.setdefault("_rewritten", {})
        if leaf not in rewritten:
            rewritten[leaf] = _Rewritten(layer, leaf)
        rewritten[leaf].add(live, tensor)


def _written(layer: Any, leaf: str) -> Any:
    """A weight without what live LoRAs add to it."""
    return getattr(layer, f"lora_{leaf}", getattr(layer, leaf))


def _put_beside(change: Change, layer: Any, live: _Live) -> None:
    """Let a layer's output be its own plus the scale times what two small layers make of its input."""
    import torch
    from torch.nn import functional

    index = sum(1 for name, _ in layer.named_buffers(recurse=False) if name.startswith("lora_down"))
    names = f"lora_down{index}", f"lora_up{index}"
    down, up = (torch.from_numpy(half) for half in change.halves())
    kernel = isinstance(layer, torch.nn.Conv2d)
    rank = down.shape[0]
    # a matrix's halves may come as 1 x 1 kernels, and a 1 x 1 kernel's as matrices
    down = down.reshape(rank, *layer.weight.shape[1:])
    up = up.reshape(up.shape[0], rank, *((1, 1) if kernel else ()))
    for name, half in zip(names, (down, up), strict=True):
        layer.register_buffer(name, half, persistent=False)

    def add(_: Any, given: tuple[torch.Tensor, ...], out: torch.Tensor) -> torch.Tensor:
        if live.scale == 0.0:
            return out
        small, large = (getattr(layer, name) for name in names)
        if not kernel:
            return out + live.scale * functional.linear(functional.linear(given[0], small), large)
        place = layer.stride, layer.padding, layer.dilation
        seen = functional.conv2d(given[0], small, None, *place)
        return out + live.scale * functional.conv2d(seen, large)

    layer.register_forward_hook(add)


def misfit(lora_id: str, change: Change, what: str) -> str:
    return f"LoRA {lora_id} is for another model: its '{change.name}' is {what}; use one made for this model."
