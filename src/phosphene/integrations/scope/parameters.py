"""Every parameter that Scope shows, with its label, bounds and help, in the order of the panel."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import entry_points

from phosphene.config.fields import choices
from phosphene.integrations.scope.knobs import Knob, setting

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
# what phosphene.show.mapping knows, which is too heavy to be asked before a pipeline is made
MAPPINGS = ("default", *sorted(point.name for point in entry_points(group="phosphene.mappings")))

PICTURE = (
    setting(
        "prompt.base_prompt",
        "Prompt",
        name="prompt",
        help="Drawn in place of Scope's own prompts while it is not empty.",
        default="",
        auto="",
    ),
    setting(
        "stream.strength",
        help="0 keeps the input picture, 1 and more ignore it.",
        default=0.5,
        # as the plugins of StreamDiffusion have it
        high=1.2,
    ),
    setting("stream.detail", "Keep fine lines"),
    setting("inference.seed", name="base_seed", default=42),
    setting(
        "stream.denoising_steps",
        "Inference steps",
        name="num_inference_steps",
        help="Denoising steps for each frame. 0: as many as the model was made for.",
        default=0,
        auto=0,
        low=0,
    ),
)
GUIDANCE = (
    setting("prompt.negative_prompt"),
    setting(
        "stream.guidance_scale",
        help="How hard the prompt pulls. 0: as the model was made for; 1: not at all.",
        default=0.0,
        auto=0.0,
    ),
    setting(
        "stream.guidance_mode",
        help="auto: as the model was made for, full (twice the cost) once a scale is set.",
        default="auto",
        auto="auto",
        choices=("auto", *choices("stream.guidance_mode")),
    ),
    setting("stream.delta"),
)
FILTER = (
    setting("stream.enable_similarity_filter", "Similar-image filter", name="similar_image_filter"),
    setting(
        "stream.similarity_threshold",
        name="similar_image_threshold",
        # what is of use; at 1, too, only what is equal is skipped
        low=0.9,
        high=1.0,
    ),
)
MOTION = (
    setting("camera.zoom", help="Without an input picture: flight into the picture."),
    setting("camera.rotate", "Turn", help="Without an input picture: degrees a second."),
    setting(
        "stream.temporal_blend_ratio",
        "Memory",
        name="memory",
        help="Without an input picture: share of the last picture in the next one.",
    ),
    Knob("beat", "Beat", "How hard the beats of Scope's tempo hit the picture.", 0.5, 0, 1),
    setting("react.reactivity"),
    setting("react.off_beat"),
    setting("react.mapping", choices=MAPPINGS),
    setting("prompt.transition_seconds", "Prompt change", default=1.0),
    setting("video.limit_flashes"),
)
SIZE = tuple(
    setting(
        f"inference.{side}",
        help="Of the picture that is drawn, pixels; the nearest that the model can draw is taken.",
        default=512,
        high=1024,
        load=True,
        component="resolution",
    )
    for side in ("height", "width")
)

# its own lines are softer than the camera's
BUILT_IN = (
    *(replace(knob, default=0.7) if knob.name == "detail" else knob for knob in PICTURE),
    *MOTION,
    *GUIDANCE,
    *FILTER,
    *SIZE,
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
    setting("stream.stream_batch", "Batch denoising", name="batch_denoising"),
    setting(
        "stream.add_noise",
        help="Fresh noise between steps. auto: as the model was made for.",
        default="auto",
        auto="auto",
        choices=("auto", "on", "off"),
    ),
    *FILTER,
    *MOTION,
    *SIZE,
)
