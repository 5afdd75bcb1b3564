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


def configure_built_in(values: Values) -> PipelineConfig:
    """Settings of the built-in model."""
    return _configure(values, PipelineConfig(), 16)


def configure_stable_diffusion(values: Values) -> PipelineConfig:
    """Settings of a Stable Diffusion model."""
    config = PipelineConfig(diffusion=_checkpoint(values))
    config.stream.stream_batch = values.on("batch_denoising")
    if values.text("add_noise") != "auto":
        config.stream.add_noise = values.text("add_noise") == "on"
    return _configure(values, config, 8)


def _configure(values: Values, config: PipelineConfig, multiple: int) -> PipelineConfig:
    stream, size, camera = config.stream, config.inference, config.camera
    # above 1 there is nothing left to ignore
    stream.strength = min(1.0, values.number("strength"))
    stream.detail = values.number("detail")
    stream.temporal_blend_ratio = values.number("memory")
    stream.delta = values.number("delta")
    steps, scale = values.whole("num_inference_steps"), values.number("guidance_scale")
    if steps:
        stream.denoising_steps = steps
    mode = values.text("guidance_mode")
    if scale:
        stream.guidance_scale = scale
        mode = "full" if mode == "auto" else mode
    if mode != "auto":
        # a validated choice, which the type cannot tell
        stream.suggest(guidance_mode=mode)
    stream.enable_similarity_filter = values.on("similar_image_filter")
    # the engine's threshold is below 1; at this one, too, only what is equal is skipped
    stream.similarity_threshold = min(0.9999, values.number("similar_image_threshold"))
    size.height = snap(values.whole("height"), multiple)
    size.width = snap(values.whole("width"), multiple)
    size.seed = values.whole("base_seed")
    camera.zoom, camera.rotate = values.number("zoom"), values.number("rotate")
    config.prompt.negative_prompt = values.text("negative_prompt")
    config.prompt.transition_seconds = values.number("transition_seconds")
    # nothing hears harmony here, and twelve prompts less are encoded
    config.prompt.chroma_strength = 0.0
    config.prompt.chroma_prompts = [""] * 12
    config.video.limit_flashes = values.on("limit_flashes")
    return config


def _checkpoint(values: Values) -> DiffusionConfig:
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


def snap(pixels: int, multiple: int) -> int:
    """The nearest side that a model can draw."""
    return max(64, round(pixels / multiple) * multiple)
