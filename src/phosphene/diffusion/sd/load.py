"""Weights from the hub, a folder or one file: the networks, and which autoencoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from phosphene.config import DiffusionConfig
from phosphene.diffusion.checkpoints.device import precision
from phosphene.diffusion.checkpoints.errors import explained
from phosphene.diffusion.checkpoints.families import TINY_VAE_FOLDERS, TINY_VAE_IDS, Base
from phosphene.diffusion.checkpoints.source import Checkpoint
from phosphene.diffusion.notices import say_once
from phosphene.diffusion.sd import stems
from phosphene.errors import PhospheneError

WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
HALF_WEIGHTS = "unet/diffusion_pytorch_model.fp16.safetensors"


def load_parts(config: DiffusionConfig, found: Checkpoint, base: Base, dtype: Any) -> Any:
    """Load a diffusers pipeline on the cpu, autoencoder chosen. Raises ModelError.

    A single file takes its configs and tokenizers from the folder of the same name beside it
    (``model/`` for ``model.safetensors``), or else from the hub.
    """
    import diffusers
    import torch

    large = base == "sdxl"
    kind = diffusers.StableDiffusionXLPipeline if large else diffusers.StableDiffusionPipeline
    # only the networks are called: the checker would take memory and never run
    unused: dict[str, Any] = (
        {"add_watermarker": False}
        if large
        else {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    )
    with explained(found.name, "model"):
        if found.path is not None and found.path.is_file():
            configs = found.path.with_suffix("")
            pipe = kind.from_single_file(
                str(found.path),
                config=str(configs) if configs.is_dir() else None,
                **precision(dtype),
                **unused,
            )
        else:
            pipe = kind.from_pretrained(
                found.name if found.path is None else str(found.path),
                use_safetensors=None if config.allow_pickle else True,
                variant=_variant(found),
                **precision(dtype),
                **unused,
            )
    if config.use_tiny_vae:
        _use_tiny_vae(pipe, found, base)
    elif isinstance(pipe.vae, diffusers.AutoencoderTiny):
        say_once(f"use_tiny_vae stays on: {found.name} has no other autoencoder.")
    if config.tiny_vae_stems and isinstance(pipe.vae, diffusers.AutoencoderTiny):
        if pipe.vae.dtype == torch.bfloat16 and (found.path is None or found.path.is_dir()):
            # stems are known by weights that were not rounded to it; its place and format come later
            place = found.name if found.path is None else str(found.path)
            pipe.vae = diffusers.AutoencoderTiny.from_pretrained(place, subfolder="vae")
        stems.use_trained(pipe.vae)
    return pipe


def _variant(found: Checkpoint) -> str | None:
    """``fp16`` where only half-precision weights are on this machine."""
    if found.path is not None:
        there = [(found.path / file).is_file() for file in (WEIGHTS, HALF_WEIGHTS)]
    else:
        import huggingface_hub

        cached = [
            huggingface_hub.try_to_load_from_cache(found.name, file)
            for file in (WEIGHTS, HALF_WEIGHTS)
        ]
        there = [isinstance(path, str) for path in cached]
    return "fp16" if there == [False, True] else None


def _use_tiny_vae(pipe: Any, found: Checkpoint, base: Base) -> None:
    """Swap in TAESD; without it the full autoencoder stays, and that is said once."""
    from diffusers import AutoencoderTiny

    if isinstance(pipe.vae, AutoencoderTiny):
        # SDXS brings its own
        return
    beside = [] if found.path is None else _folders_beside(found.path)
    source = next((str(folder) for folder in beside if folder.is_dir()), TINY_VAE_IDS[base])
    try:
        with explained(source, "autoencoder"):
            tiny = AutoencoderTiny.from_pretrained(source, use_safetensors=True)
    except PhospheneError as reason:
        say_once(f"use_tiny_vae is off, the full autoencoder decodes: {reason}")
        return
    if tiny.config.latent_channels != pipe.vae.config.latent_channels:
        say_once(
            f"use_tiny_vae is off, the full autoencoder decodes: {source} is for other latents."
        )
        return
    pipe.vae = tiny


def _folders_beside(path: Path) -> list[Path]:
    folder = path.with_suffix("") if path.is_file() else path
    return [place / name for place in (folder, folder.parent) for name in TINY_VAE_FOLDERS]
