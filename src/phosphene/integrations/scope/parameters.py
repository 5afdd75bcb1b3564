"""Every parameter that Scope shows, with its label, bounds and help, in the order of the panel."""

from __future__ import annotations

from dataclasses import replace

from phosphene.integrations.scope.knobs import Knob

MODELS: dict[str, tuple[str, str | None]] = {
    "SD-Turbo": ("stabilityai/sd-turbo", None),
    "SD 1.5": ("stable-diffusion-v1-5/stable-diffusion-v1-5", None),
    "SDXL-Turbo": ("stabilityai/sdxl-turbo", None),
    "SDXL-Lightning": (
        "stabilityai/stable-diffusion-xl-base-1.0",
        "ByteDance/SDXL-Lightning/sdxl_lightning_4step_lora.safetensors",
    ),
    "SDXL": ("stabilityai/stable-diffusion-xl-base-1.0", None),
}
"""name in the menu -> hub id, and the LoRA that makes it fast"""
DEFAULT = "SD-Turbo"
DEFAULT_FILES = {
    "stabilityai/sd-turbo": (
        *("model_index.json", "scheduler", "tokenizer", "text_encoder/config.json"),
        *("text_encoder/model.fp16.safetensors", "unet/config.json", "vae/config.json"),
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.fp16.safetensors",
    ),
    "madebyollin/taesd": ("config.json", "diffusion_pytorch_model.safetensors"),
}
"""of the default model alone, since Scope fetches all that is named here before any of it is used"""
MODES = ("auto", "none", "full", "self", "initialize")

PICTURE = (
    Knob("prompt", "Prompt", "Drawn in place of Scope's own prompts while it is not empty.", ""),
    Knob("strength", "Strength", "0 keeps the input picture, 1 and more ignore it.", 0.5, 0, 1.2),
    Knob(
        "detail",
        "Keep fine lines",
        "How much of the input picture's own fine lines goes back over what was drawn.",
        0.0,
        0,
        1,
    ),
    Knob("base_seed", "Seed", "Of all noise.", 42, 0, 2**32 - 1),
    Knob(
        "num_inference_steps",
        "Inference steps",
        "Denoising steps for each frame. 0: as many as the model was made for.",
        0,
        0,
        8,
    ),
)
GUIDANCE = (
    Knob(
        "negative_prompt",
        "Negative prompt",
        "What to stay away from, with guidance full or initialize.",
        "",
    ),
    Knob(
        "guidance_scale",
        "Guidance scale",
        "How hard the prompt pulls. 0: as the model was made for; 1: not at all.",
        0.0,
        0,
        20,
    ),
    Knob(
        "guidance_mode",
        "Guidance mode",
        "auto: as the model was made for, full (twice the cost) once a scale is set.",
        "auto",
        choices=MODES,
    ),
    Knob("delta", "Delta", "Weight of the virtual residual in guidance self.", 1.0, 0, 2),
)
FILTER = (
    Knob(
        "similar_image_filter",
        "Similar-image filter",
        "Skip the model for input pictures that look like the last one.",
        False,
    ),
    Knob(
        "similar_image_threshold",
        "Similarity threshold",
        "Similarity from which pictures may be skipped.",
        0.98,
        0.9,
        1,
    ),
)
MOTION = (
    Knob("zoom", "Zoom", "Without an input picture: flight into the picture.", 0.4, -4, 4),
    Knob("rotate", "Turn", "Without an input picture: degrees a second.", 2.0, -180, 180),
    Knob(
        "memory",
        "Memory",
        "Without an input picture: share of the last picture in the next one.",
        0.3,
        0,
        0.95,
    ),
    Knob("beat", "Beat", "How hard the beats of Scope's tempo hit the picture.", 0.5, 0, 1),
    Knob("transition_seconds", "Prompt change", "Length of a change of prompt, s.", 1.0, 0, 60),
    Knob(
        "limit_flashes",
        "Limit flashes",
        "Hold flashes under 3 a second (WCAG 2.3.1). Off: strobing can trigger seizures.",
        True,
    ),
)


def _size(pixels: int, most: int) -> tuple[Knob, ...]:
    return tuple(
        Knob(
            side,
            side.capitalize(),
            "Of the picture that is drawn, pixels; the nearest that the model can draw is taken.",
            pixels,
            64,
            most,
            load=True,
            component="resolution",
        )
        for side in ("height", "width")
    )


def _with(knobs: tuple[Knob, ...], **defaults: float) -> tuple[Knob, ...]:
    """The same knobs with other defaults."""
    return tuple(
        replace(knob, default=defaults[knob.name]) if knob.name in defaults else knob
        for knob in knobs
    )


BUILT_IN = (
    # its own lines are softer than the camera's
    *_with(PICTURE, detail=0.7),
    *MOTION,
    *GUIDANCE,
    *FILTER,
    *_size(512, 1024),
)
STABLE_DIFFUSION = (
    Knob(
        "model",
        "Model",
        "What draws. It is loaded from the Hugging Face hub once.",
        DEFAULT,
        choices=tuple(MODELS),
        load=True,
    ),
    Knob(
        "model_path",
        "Own model",
        "A folder, a .safetensors file or a hub id, in place of the model above.",
        "",
        load=True,
    ),
    Knob(
        "use_lcm_lora",
        "LCM LoRA",
        "2 to 4 steps for models that are not made for few steps.",
        False,
        load=True,
    ),
    Knob(
        "acceleration",
        "Acceleration",
        "What cannot be on says why in the log, and stays off.",
        "none",
        choices=("none", "xformers", "tensorrt"),
        load=True,
    ),
    *PICTURE,
    *GUIDANCE,
    Knob(
        "batch_denoising",
        "Batch denoising",
        "Share each model call between the steps of consecutive frames: faster with several steps,"
        " shown that many frames less one later.",
        True,
    ),
    Knob(
        "add_noise",
        "Add noise",
        "Fresh noise between steps. auto: as the model was made for.",
        "auto",
        choices=("auto", "on", "off"),
    ),
    *FILTER,
    *MOTION,
    *_size(512, 1024),
)
