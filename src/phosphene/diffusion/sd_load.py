"""Stable Diffusion 1.5 from the hub, a folder or one file: weights, LoRA, autoencoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from phosphene.config import DiffusionConfig
from phosphene.diffusion.notices import say_once
from phosphene.diffusion.sd_errors import HUB_FILE, check_source, explained
from phosphene.errors import ModelError, PhospheneError

TINY_VAE_ID = "madebyollin/taesd"
TINY_VAE_FOLDER = "taesd"
"""a folder of this name beside a local model's parts is used before the hub"""
LORA_FILE = "pytorch_lora_weights.safetensors"
"""the usual file in a LoRA's repo; others are asked for as ``owner/name/file.safetensors``"""


def load_parts(config: DiffusionConfig, model_id: str) -> Any:
    """Load a diffusers ``StableDiffusionPipeline`` on the cpu, LoRA fused, autoencoder chosen.

    Everything is float32 here, so that a LoRA is added without rounding.

    ``model_id`` is a hub id, a diffusers folder, or one .safetensors file. A file takes its configs
    and tokenizer from the folder of the same name beside it (``model/`` for ``model.safetensors``),
    or else from the hub. Raises ModelError, or MissingExtraError without torch and diffusers.
    """
    check_source(model_id, "model")
    with explained(model_id, "model"):
        pipe = _load_model(Path(model_id).expanduser(), model_id)
    _check_family(pipe, model_id)
    if config.lora_id is not None:
        check_source(config.lora_id, "LoRA", HUB_FILE)
        with explained(config.lora_id, "LoRA"):
            _fuse_lora(pipe, config.lora_id)
    if config.use_tiny_vae:
        _use_tiny_vae(pipe, Path(model_id).expanduser())
    return pipe


def _load_model(path: Path, model_id: str) -> Any:
    from diffusers import StableDiffusionPipeline

    # only the networks are called: the checker would take memory and never run
    unused = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    if path.is_file():
        configs = path.with_suffix("")
        return StableDiffusionPipeline.from_single_file(
            str(path),
            config=str(configs) if configs.is_dir() else None,
            **unused,
        )
    if path.is_dir() and not (path / "model_index.json").is_file():
        raise ModelError(f"{model_id} is not a diffusers model folder: it has no model_index.json.")
    return StableDiffusionPipeline.from_pretrained(
        str(path) if path.is_dir() else model_id,
        use_safetensors=True,
        **unused,
    )


def _check_family(pipe: Any, model_id: str) -> None:
    """Refuse other networks: SDXL needs pooled embeddings, inpainting nets take nine channels."""
    net, text = pipe.unet.config, pipe.text_encoder.config
    fits = (
        net.in_channels == net.out_channels == pipe.vae.config.latent_channels
        and net.cross_attention_dim == text.hidden_size
        and net.addition_embed_type is None
    )
    if not fits:
        raise ModelError(
            f"{model_id} is not a text-to-image model of the Stable Diffusion 1 family."
        )


def _fuse_lora(pipe: Any, lora_id: str) -> None:
    path = Path(lora_id).expanduser()
    if path.exists():
        source, name = str(path), None
    else:
        owner, repo, *inner = lora_id.split("/", 2)
        source, name = f"{owner}/{repo}", inner[0] if inner else LORA_FILE
    # diffusers takes a pickle unless told not to
    pipe.load_lora_weights(source, weight_name=name, use_safetensors=True)
    if not pipe.get_list_adapters():
        raise ModelError(f"LoRA {lora_id} holds nothing that fits this model: use one for SD 1.5.")
    pipe.fuse_lora()
    # the sum stays in the weights; this frees the adapter and its cost per call
    pipe.unload_lora_weights()


def _use_tiny_vae(pipe: Any, path: Path) -> None:
    """Swap in TAESD; without it the full autoencoder stays, and that is said once."""
    from diffusers import AutoencoderTiny

    if isinstance(pipe.vae, AutoencoderTiny):
        return
    beside = (path.with_suffix("") if path.is_file() else path) / TINY_VAE_FOLDER
    source = str(beside) if beside.is_dir() else TINY_VAE_ID
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
