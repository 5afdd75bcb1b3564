"""Where a checkpoint is, and what its own small files say, before any weights are read."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.config import DiffusionConfig
from phosphene.diffusion.checkpoints.errors import check_source, explained
from phosphene.diffusion.checkpoints.families import base_of, pipeline_of
from phosphene.errors import ConfigError, ModelError

PARTS = {
    "unet": "unet/config.json",
    "scheduler": "scheduler/scheduler_config.json",
    "text_encoder": "text_encoder/config.json",
    "vae": "vae/config.json",
}
INDEX = "model_index.json"
QUANTIZED = "mlx.json"
"""marks a folder that `phosphene models quantize` wrote, and says how"""
HEADER_LIMIT = 100_000_000
"""bytes; safetensors' own limit of its header"""

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's place and its configs."""

    name: str
    """as the user gave it"""
    path: Path | None
    """local folder or file; None on the hub"""
    configs: dict[str, dict[str, Any]]


def named_in(config: DiffusionConfig, default: str) -> str:
    """The checkpoint that a config asks for: its ``model_id``, or a ``model`` that is a place itself.

    Raises ConfigError where those are two.
    """
    if not is_place(config.model):
        return config.model_id or default
    if config.model_id not in (None, config.model):
        raise ConfigError(
            f"model {config.model} and model_id {config.model_id} are two checkpoints: drop one."
        )
    return config.model


def is_place(model: str) -> bool:
    """Whether a ``model`` is a path or a hub id, not the name of a pipeline."""
    return "/" in model or "\\" in model or model.endswith((".safetensors", ".pt", ".pth"))


def pipeline_for(place: str) -> str:
    """Name of the pipeline for the checkpoint at a path or hub id. Raises ModelError."""
    from phosphene.diffusion.checkpoints.transformers import FAMILIES

    row = FAMILIES.get(pipeline_class_at(place) or "")
    if row is not None:
        return row.pipeline
    return pipeline_of(base_of(inspect(place).configs, place))


def inspect(name: str, allow_pickle: bool = False, fetch: bool = True) -> Checkpoint:
    """Read the configs of a checkpoint, or what the header of a single file tells of them.

    ``fetch`` asks the hub for configs that are not on this machine. Raises ModelError.
    """
    check_source(name, "model", allow_pickle=allow_pickle)
    path = Path(name).expanduser()
    with explained(name, "model"):
        if path.is_file():
            beside = path.with_suffix("")
            configs = _read_folder(beside) if (beside / PARTS["unet"]).is_file() else {}
            if path.suffix == ".safetensors":
                configs = _told_by_weights(read_header(path)) | configs
            elif not configs:
                raise ModelError(
                    f"{name} is a pickle without a folder of configs beside it: convert it to"
                    " .safetensors first."
                )
            return Checkpoint(name, path, configs)
        if path.is_dir():
            if not (path / INDEX).is_file():
                raise ModelError(
                    f"{name} is not a diffusers model folder: it has no {INDEX}; give its"
                    " .safetensors file if it holds one."
                )
            return Checkpoint(name, path, _read_folder(path))
        return Checkpoint(name, None, _read_hub(name, fetch))


def pipeline_class_at(place: str, fetch: bool = True) -> str | None:
    """diffusers' class of the checkpoint at a path or hub id; None where it has no index of its own.

    Raises ModelError.
    """
    check_source(place, "model", allow_pickle=True)
    path = Path(place).expanduser()
    with explained(place, "model"):
        index: Path | None = path / INDEX
        if not path.exists():
            index = _on_hub(place, INDEX, fetch)
        if index is None or not index.is_file():
            return None
        name = json.loads(index.read_text(encoding="utf-8")).get("_class_name")
    return str(name) if name else None


def folder_of(place: str) -> Path | str:
    """A local checkpoint's folder as a path; a hub id as it is."""
    path = Path(place).expanduser()
    return path if path.exists() else place


def is_quantized(folder: Path) -> bool:
    """Whether a folder holds weights that were quantised for MLX."""
    return (folder / QUANTIZED).is_file()


def read_header(path: Path) -> Shapes:
    """Shapes of the tensors in a .safetensors file. Raises ModelError for a broken or cut one."""
    return {name: tuple(entry["shape"]) for name, entry in _entries(path)[0].items()}


def read_metadata(path: Path) -> dict[str, str]:
    """What a .safetensors file says besides its tensors. Raises ModelError as :func:`read_header`."""
    return _entries(path)[1]


def read_tensors(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """All tensors of a .safetensors file as float32, bfloat16 too, which NumPy has not.

    Raises ModelError for a broken file, and for numbers of 8 bits or fewer.
    """
    entries, _, start = _entries(path)
    held = np.fromfile(path, np.uint8, offset=start)
    tensors = {}
    for name, entry in entries.items():
        begin, end = entry["data_offsets"]
        if (kind := _NUMBERS.get(entry["dtype"])) is None:
            raise ModelError(
                f"{path} holds numbers of the format {entry['dtype']}: use a 16-bit copy."
            )
        flat = held[begin:end].view(kind)
        if entry["dtype"] == "BF16":
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        tensors[name] = flat.astype(np.float32).reshape(entry["shape"])
    return tensors


def _entries(path: Path) -> tuple[dict[str, Any], dict[str, str], int]:
    """(header by tensor, metadata, where the numbers begin) of a .safetensors file."""
    broken = ModelError(f"a weights file of {path} is broken: download it again.")
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else HEADER_LIMIT + 1
        if length > min(HEADER_LIMIT, size - 8):
            raise broken
        try:
            header = json.loads(file.read(length))
            metadata = header.pop("__metadata__", None) or {}
            spans = [
                (entry["dtype"], entry["shape"], *entry["data_offsets"])
                for entry in header.values()
            ]
            end = max((span[3] for span in spans), default=0)
            fits = all(
                0 <= begin <= stop
                and (
                    kind not in _NUMBERS
                    or stop - begin == math.prod(shape) * _NUMBERS[kind]().itemsize
                )
                for kind, shape, begin, stop in spans
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise broken from error
    if not fits or 8 + length + end != size:
        raise broken
    return header, metadata, 8 + length


_NUMBERS: dict[str, type[np.generic]] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": np.uint16,
    **{
        f"{kind}{bits}": getattr(np, f"{name}{bits}")
        for bits in (8, 16, 32, 64)
        for kind, name in (("I", "int"), ("U", "uint"))
    },
}
"""NumPy's types by safetensors' names; bfloat16 as its bits"""


def parameters(shapes: Shapes) -> int:
    """How many numbers a file holds."""
    return sum(math.prod(shape) for shape in shapes.values())


def _read_folder(folder: Path) -> dict[str, dict[str, Any]]:
    return _read_parts(lambda part: folder / part)


def _read_hub(name: str, fetch: bool) -> dict[str, dict[str, Any]]:
    if _on_hub(name, INDEX, fetch) is None:
        return {}
    return _read_parts(lambda part: _on_hub(name, part, fetch))


def _on_hub(name: str, file: str, fetch: bool) -> Path | None:
    """One file of a hub repository, from the cache before the network."""
    import huggingface_hub

    cached = huggingface_hub.try_to_load_from_cache(name, file)
    if isinstance(cached, str):
        return Path(cached)
    return Path(huggingface_hub.hf_hub_download(name, file)) if fetch else None


def _read_parts(find: Callable[[str], Path | None]) -> dict[str, dict[str, Any]]:
    """Configs of the parts that there are; U-Net and scheduler must be (refiners have no text encoder)."""
    configs = {}
    for part, file in PARTS.items():
        try:
            path = find(file)
            if path is not None:
                configs[part] = json.loads(path.read_text(encoding="utf-8"))
        except Exception:
            if part in ("unet", "scheduler"):
                raise
    return configs


_CROSS = re.compile(r"model\.diffusion_model\.input_blocks\..*\.attn2\.to_k\.weight")


def _told_by_weights(shapes: Shapes) -> dict[str, dict[str, Any]]:
    """Configs as far as the names and shapes of an original checkpoint's tensors tell them."""
    first = shapes.get("model.diffusion_model.input_blocks.0.0.weight")
    cross = next((shape for key, shape in shapes.items() if _CROSS.match(key)), None)
    if first is None or cross is None:
        raise ModelError(
            "this file is no Stable Diffusion checkpoint (no U-Net in the original layout);"
            " a LoRA goes to lora_id, a U-Net alone needs its whole folder."
        )
    out = shapes.get("model.diffusion_model.out.2.weight", (4,))
    unet: dict[str, Any] = {
        "in_channels": first[1],
        "out_channels": out[0],
        "cross_attention_dim": cross[1],
    }
    if "model.diffusion_model.label_emb.0.0.weight" in shapes:
        unet["addition_embed_type"] = "text_time"
    if "model.diffusion_model.time_embed.cond_proj.weight" in shapes:
        unet["time_cond_proj_dim"] = 256
    configs: dict[str, dict[str, Any]] = {"unet": unet, "scheduler": {}}
    embedders = [key for key in shapes if key.startswith("conditioner.embedders.0.transformer")]
    if embedders or "addition_embed_type" not in unet:
        exact = any(key.startswith("cond_stage_model.model.") for key in shapes)
        configs["text_encoder"] = {"hidden_act": "gelu" if exact else "quick_gelu"}
    return configs
