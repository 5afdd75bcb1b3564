"""Where the files of a checkpoint are: a folder, or the hub's cache, filled on first use."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phosphene.diffusion.checkpoints import catalogue, source
from phosphene.diffusion.checkpoints.errors import explained
from phosphene.diffusion.checkpoints.families import (
    TINY_AUTOENCODER,
    TINY_VAE_FOLDERS,
    TINY_VAE_IDS,
    Base,
)
from phosphene.errors import ModelError

TINY_FILES = ("config.json", "diffusion_pytorch_model.safetensors")
QUANTIZED_WEIGHTS = "mlx.safetensors"


@dataclass(frozen=True)
class Tree:
    """A checkpoint in diffusers' layout on this machine."""

    folder: Path
    tiny: Path
    """folder of the tiny autoencoder"""

    def config(self, part: str) -> dict[str, Any]:
        """A part's config.json (the scheduler's has another name). Raises ModelError."""
        name = "scheduler_config.json" if part == "scheduler" else "config.json"
        return _read(self.part(part) / name)

    @property
    def index(self) -> dict[str, Any]:
        """What model_index.json says."""
        return _read(self.folder / source.INDEX)

    def part(self, name: str) -> Path:
        """The folder of ``unet``, ``text_encoder`` ... and of the ``tiny`` autoencoder."""
        return self.tiny if name == "tiny" else self.folder / name

    def weights(self, part: str) -> list[Path]:
        """Its weight files; half precision where there is nothing else. Raises ModelError."""
        folder = self.part(part)
        if (folder / QUANTIZED_WEIGHTS).is_file():
            return [folder / QUANTIZED_WEIGHTS]
        stem = "model" if part.startswith("text_encoder") else "diffusion_pytorch_model"
        for variant in ("", ".fp16"):
            whole = folder / f"{stem}{variant}.safetensors"
            if whole.is_file():
                return [whole]
            index = folder / f"{stem}.safetensors.index{variant}.json"
            if index.is_file():
                names = sorted(set(_read(index)["weight_map"].values()))
                return [folder / name for name in names]
        raise ModelError(f"{folder} holds no .safetensors weights: give a whole diffusers folder.")


def find(found: source.Checkpoint, base: Base) -> Tree:
    """The checkpoint's files, downloaded if they must be. Raises ModelError."""
    path = found.path
    if path is not None and path.is_file():
        raise ModelError(
            f"{found.name} is one file, and MLX reads folders in diffusers' layout: give the model's folder"
            " or hub id, or use device mps."
        )
    with explained(found.name, "model"):
        folder = _on_hub(found.name) if path is None else path
    if found.configs.get("vae", {}).get("_class_name") == TINY_AUTOENCODER:
        return Tree(folder, folder / "vae")
    return Tree(folder, _tiny(folder if path is not None else None, base))


def _on_hub(name: str) -> Path:
    import huggingface_hub

    index = huggingface_hub.try_to_load_from_cache(name, source.INDEX)
    if isinstance(index, str):
        folder = Path(index).parent
        try:
            for part in ("unet", "text_encoder"):
                Tree(folder, folder).weights(part)
        except ModelError:
            # only its configs were looked at so far
            pass
        else:
            return folder
    return catalogue.pull(name)[0]


def _tiny(folder: Path | None, base: Base) -> Path:
    beside = [] if folder is None else [folder / name for name in TINY_VAE_FOLDERS]
    for each in beside:
        if each.is_dir():
            return each
    name = TINY_VAE_IDS[base]
    with explained(name, "tiny autoencoder"):
        import huggingface_hub

        *_, weights = (huggingface_hub.hf_hub_download(name, file) for file in TINY_FILES)
    return Path(weights).parent


def _read(path: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is missing or broken: give a whole diffusers folder.") from error
    return told
