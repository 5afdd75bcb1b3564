"""From parameters to settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.config import DiffusionConfig, PipelineConfig
from phosphene.config.fields import nearest
from phosphene.diffusion.base import BaseDiffusionPipeline, ModelFacts
from phosphene.diffusion.notices import say_once
from phosphene.integrations.scope.parameters import DEFAULT_FILES, MODELS
from phosphene.integrations.scope.values import Values

if TYPE_CHECKING:
    from phosphene.integrations.scope.offers import Offer
    from phosphene.integrations.scope.orders import Wish

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


def wanted(offer: Offer, wish: Wish) -> PipelineConfig:
    """What the user has set. Raises :class:`~phosphene.errors.PhospheneError` for a bad checkpoint."""
    config = configured(wish.values, offer.checkpoint(wish.values))
    if offer.loras:
        config.diffusion.loras = [lora.model_copy() for lora in wish.loras]
    config.prompt.suggest(base_prompt=wish.text)
    if wish.seconds is not None:
        config.prompt.transition_seconds = nearest("prompt.transition_seconds", wish.seconds)
    return config


def fitted(config: PipelineConfig, base: BaseDiffusionPipeline) -> PipelineConfig:
    """The same for the model in force: its size limits, and its own suggestions where nothing is set."""
    config = config.model_copy(deep=True)
    config.diffusion = base.diffusion_config
    type(base).suggest(config)
    size, facts = config.inference, base.facts
    asked = size.width, size.height
    size.width, size.height = (_side(pixels, facts) for pixels in asked)
    if (size.width, size.height) != asked:
        say_once(
            f"{facts.name} draws multiples of {facts.size_multiple} pixels up to {facts.max_size}:"
            f" {size.width}x{size.height} instead of {asked[0]}x{asked[1]}."
        )
    return config


def _side(pixels: int, facts: ModelFacts) -> int:
    most = facts.max_size // facts.size_multiple * facts.size_multiple
    return min(
        most, max(facts.size_multiple, round(pixels / facts.size_multiple) * facts.size_multiple)
    )
