"""IP-Adapters (Ye 2023) as they are published: found, told by their tensors, and the encoder that fits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from phosphene.diffusion.checkpoints.errors import HUB_FILE, check_source
from phosphene.diffusion.checkpoints.families import Base
from phosphene.diffusion.checkpoints.source import Shapes, read_header
from phosphene.errors import ModelError

Kind = Literal["plain", "plus", "full"]
"""how a picture becomes tokens: one matrix on its embedding; a resampler on its patches (Plus, Plus Face);
two matrices on them (Full Face)"""

USUAL: dict[Base, str] = {
    "sd1": "models/ip-adapter_sd15.safetensors",
    "sd2": "models/ip-adapter_sd15.safetensors",
    "sdxl": "sdxl_models/ip-adapter_sdxl_vit-h.safetensors",
}
"""file of a repository, or a copy of it, that is named as a whole"""
ENCODER = "image_encoder"
ENCODER_FILES = ("config.json", "model.safetensors")

_FIRST = {
    "image_proj.proj.weight": "plain",
    "image_proj.latents": "plus",
    "image_proj.proj.3.weight": "full",
}
"""a tensor of each kind, and of no other"""
_OTHERS = (
    (r"perceiver_resampler|to_\w_lora|image_proj\.proj\.2\.", "a FaceID adapter, which needs InsightFace"),
    (r"double_blocks\.|single_blocks\.|transformer_blocks\.", "for FLUX or SD 3"),
    (r"image_proj\.layers\.\d+\.attn\.", "for Kolors"),
)  # fmt: skip

Get = Callable[[str], Path | None]
"""a file of the repository by its path; None where there is no such file"""


@dataclass(frozen=True)
class AdapterFile:
    """An adapter that can be used."""

    name: str
    """as the user gave it"""
    path: Path
    kind: Kind
    text_width: int
    """of the embeddings that the U-Net attends to"""
    encoder: Path
    """folder of the CLIP vision model whose numbers it takes"""
    shapes: Shapes


def find(adapter_id: str, base: Base) -> AdapterFile:
    """An adapter by file, folder or hub id (``owner/name``, ``owner/name/folder/file.safetensors``).

    A folder or repository that holds several, as its authors publish them, gives the usual one for
    ``base``. The image encoder is looked for beside the file, and in ``models/`` of its repository, which
    is where that of ``vit-h`` adapters is. Raises ModelError.
    """
    check_source(adapter_id, "IP-Adapter", HUB_FILE)
    path = Path(adapter_id).expanduser()
    if path.exists():
        file = path if path.is_file() else _file_in(path, adapter_id, base)
        root = file.parent.parent
        inner, get = file.relative_to(root).as_posix(), _on_disk(root)
    else:
        owner, repo, *named = adapter_id.split("/", 2)
        inner = named[0] if named else USUAL[base]
        get = _on_hub(f"{owner}/{repo}")
        found = get(inner)
        if found is None:
            raise ModelError(f"there is no {inner} in {owner}/{repo}: check the id.")
        file = found
    shapes = read_header(file)
    kind = _kind(shapes, adapter_id)
    return AdapterFile(
        name=adapter_id,
        path=file,
        kind=kind,
        text_width=_text_width(shapes, adapter_id),
        encoder=_encoder(inner, get, kind, _image_width(shapes, kind), adapter_id),
        shapes=shapes,
    )


def _file_in(folder: Path, adapter_id: str, base: Base) -> Path:
    if (folder / USUAL[base]).is_file():
        return folder / USUAL[base]
    files = sorted(folder.glob("*.safetensors"))
    if len(files) != 1:
        raise ModelError(
            f"{adapter_id} holds {len(files)} .safetensors files: name the IP-Adapter's own file."
        )
    return files[0]


def _on_disk(root: Path) -> Get:
    return lambda name: root / name if (root / name).is_file() else None


def _on_hub(repo: str) -> Get:
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    def get(name: str) -> Path | None:
        cached = huggingface_hub.try_to_load_from_cache(repo, name)
        if isinstance(cached, str):
            return Path(cached)
        try:
            return Path(huggingface_hub.hf_hub_download(repo, name))
        except LocalEntryNotFoundError:
            # who cannot reach the hub knows nothing of what is there
            raise
        except EntryNotFoundError:
            return None

    return get


def _kind(shapes: Shapes, adapter_id: str) -> Kind:
    for pattern, what in _OTHERS:
        if any(re.search(pattern, name) for name in shapes):
            # full adapters have a second matrix, too
            if "image_proj.proj.3.weight" in shapes:
                continue
            raise ModelError(
                f"IP-Adapter {adapter_id} is {what}: plain, light, Plus, Plus Face and Full Face adapters for"
                " SD 1.5 and SDXL can be used."
            )
    kinds: list[Kind] = [kind for name, kind in _FIRST.items() if name in shapes]  # type: ignore[misc]
    known = all(name.startswith(("image_proj.", "ip_adapter.")) for name in shapes)
    if len(kinds) != 1 or not known:
        raise ModelError(
            f"{adapter_id} is no IP-Adapter in its authors' layout (image_proj, ip_adapter): use a"
            " .safetensors file of h94/IP-Adapter, or one made like it."
        )
    return kinds[0]


def _text_width(shapes: Shapes, adapter_id: str) -> int:
    widths = {shape[-1] for name, shape in shapes.items() if name.endswith("to_k_ip.weight")}
    if len(widths) != 1:
        raise ModelError(f"IP-Adapter {adapter_id} has no keys for a U-Net: download it anew.")
    return widths.pop()


def _image_width(shapes: Shapes, kind: Kind) -> int:
    first = {"plain": "proj", "plus": "proj_in", "full": "proj.0"}[kind]
    return shapes[f"image_proj.{first}.weight"][1]


def _encoder(inner: str, get: Get, kind: Kind, width: int, adapter_id: str) -> Path:
    """The folder of the first image encoder that gives as many numbers as the adapter takes."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    folders = dict.fromkeys(
        (str(Path(inner).parent / ENCODER), ENCODER, f"models/{ENCODER}", f"sdxl_models/{ENCODER}")
    )
    seen, unreached = [], None
    for folder in folders:
        try:
            config = get(f"{folder}/{ENCODER_FILES[0]}")
        except LocalEntryNotFoundError as error:
            # without the hub one of the others may still be here
            config, unreached = None, error
        if config is None:
            continue
        told = json.loads(config.read_text(encoding="utf-8"))
        own = told.get("projection_dim" if kind == "plain" else "hidden_size", 0)
        if own == width and get(f"{folder}/{ENCODER_FILES[1]}") is not None:
            return config.parent
        seen.append(own)
    if unreached is not None:
        raise unreached
    if seen:
        raise ModelError(
            f"the image encoder of IP-Adapter {adapter_id} gives {seen[0]} numbers, and the adapter takes"
            f" {width}: put the one it was made with into a folder '{ENCODER}' beside it."
        )
    raise ModelError(
        f"IP-Adapter {adapter_id} has no image encoder: put {' and '.join(ENCODER_FILES)} of the one it was"
        f" made with into a folder '{ENCODER}' beside it."
    )
