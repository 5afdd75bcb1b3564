"""From parameters to settings."""

from __future__ import annotations

from pathlib import Path

from phosphene.config import DiffusionConfig, PipelineConfig
from phosphene.diffusion.notices import say_once
from phosphene.integrations.scope.parameters import DEFAULT_FILES, MODELS
from phosphene.integrations.scope.values import Values

LCM_LORAS = {
    "SD 1.5": "latent-consistency/lcm-lora-sdv1-5",
    "SDXL": "latent-consistency/lcm-lora-sdxl",
}


def configured(values: Values, diffusion: DiffusionConfig) -> PipelineConfig:
    """Settings of a model; what was left to it stays unset."""
    config = PipelineConfig(diffusion=diffusion)
    for path, value in values.settings().items():
        section, _, name = path.partition(".")
        setattr(getattr(config, section), name, value)
    if "guidance_scale" in config.stream.model_fields_set:
        config.stream.suggest(guidance_mode="full")
    # nothing hears harmony here, and twelve prompts less are encoded
    config.prompt.chroma_strength = 0.0
    config.prompt.chroma_prompts = [""] * 12
    return config


def checkpoint(values: Values) -> DiffusionConfig:
    """Which of the Stable Diffusion models, and how it is sped up."""
    name, path = values.text("model"), values.text("model_path").strip()
    place, lora = (path, None) if path else MODELS[name]
    if place in DEFAULT_FILES:
        place = _fetched(place)
    if values.on("use_lcm_lora"):
        if path or name in LCM_LORAS:
            lora = LCM_LORAS["SDXL" if path and _is_sdxl(path) else "SD 1.5" if path else name]
        else:
            say_once(f"use_lcm_lora is off: {name} needs few steps without it.")
    diffusion = DiffusionConfig(model=place, lora_id=lora)
    wanted = values.text("acceleration")
    if wanted == "xformers":
        diffusion.attention = "xformers"
    elif wanted == "tensorrt":
        diffusion.runtime = "tensorrt"
    return diffusion


def _fetched(place: str) -> str:
    """The folder into which Scope has fetched a model; its hub id where it has not."""
    from scope.core.config import get_models_dir

    folder = Path(get_models_dir()) / place.rpartition("/")[2]
    whole = all((folder / name).exists() for name in DEFAULT_FILES[place])
    return str(folder) if whole else place


def _is_sdxl(path: str) -> bool:
    from phosphene.diffusion.registry import pipeline_class

    return pipeline_class(path).name == "sdxl"
