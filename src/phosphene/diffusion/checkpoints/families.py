"""How each kind of checkpoint wants to be sampled, and how it is told from its own configs.

Sources: LCM (Luo 2023) and LCM-LoRA (Luo 2023b): 50-step grid, fresh noise between steps, guidance
embedded (default 8.5 in diffusers). ADD (Sauer 2023; SD-Turbo, SDXL-Turbo): 1 step, trailing. Lightning
(Lin 2024): its own number of steps, Euler on trailing timesteps. Hyper-SD (Ren 2024): the unified 1-step
LoRA with TCD and eta 1; the 1-step U-Net starts at timestep 800. SDXS (Song 2024): the noisiest timestep
alone. All of the distilled ones: no guidance.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from phosphene.config import FamilyName, PipelineConfig
from phosphene.errors import ModelError

Base = Literal["sd1", "sd2", "sdxl"]
"""which networks: SD 1.x, SD 2.x (OpenCLIP text), SDXL (two text encoders)"""
Spacing = Literal["trailing", "lcm", "last"]
"""trailing: even, ending on the last timestep; lcm: from the 50 timesteps of the distillation; last: that
one alone"""

Configs = Mapping[str, Mapping[str, Any]]
"""parsed config files by part: unet, scheduler, text_encoder, vae"""


@dataclass(frozen=True)
class Family:
    """Sampling defaults of one kind of checkpoint."""

    name: str
    text: str
    """what it is, for people"""
    steps: int
    """per frame"""
    first_steps: int
    """for a picture from nothing"""
    spacing: Spacing
    first: int | None = None
    """timestep of a picture from nothing; None: the noisiest"""
    stepper: Literal["lcm", "tcd"] = "lcm"
    gamma: float = 0.3
    """randomness of TCD steps (diffusers' eta)"""
    add_noise: bool = False
    """fresh noise between steps; without it a step is DDIM's, which is Euler's (Song 2020)"""
    guidance: float = 1.0
    """classifier-free guidance; 1 is none"""

    def suggest(self, config: PipelineConfig) -> None:
        """Set these defaults wherever the user has set nothing."""
        guided = self.guidance != 1.0
        config.stream.suggest(
            denoising_steps=self.steps,
            stepper=self.stepper,
            tcd_gamma=self.gamma,
            add_noise=self.add_noise,
            guidance_mode="full" if guided else "none",
            guidance_scale=self.guidance,
        )
        config.inference.suggest(num_inference_steps=self.first_steps)
        config.transform.suggest(steps=self.steps)


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family("base", "not distilled: slow, needs guidance", 4, 20, "trailing", guidance=7.5),
        Family("turbo", "SD-Turbo, SDXL-Turbo (ADD)", 1, 1, "trailing"),
        Family("lightning", "SDXL-Lightning, Hyper-SD 2-8 steps", 4, 4, "trailing"),
        Family("lcm", "LCM and LCM-LoRA", 2, 4, "lcm", add_noise=True),
        Family("hyper", "Hyper-SD's 1-step LoRA", 1, 1, "lcm", None, "tcd", 1.0, add_noise=True),
        Family("hyper_unet", "Hyper-SDXL's 1-step U-Net", 1, 1, "lcm", 800, add_noise=True),
        Family("sdxs", "SDXS, one step from pure noise", 1, 1, "last"),
    )
}

TINY_VAE_IDS: dict[Base, str] = {
    "sd1": "madebyollin/taesd",
    "sd2": "madebyollin/taesd",
    "sdxl": "madebyollin/taesdxl",
}
TINY_VAE_FOLDERS = ("taesd", "taesdxl")
"""a folder of this name among a local model's parts, or beside it, is used before the hub"""
TINY_AUTOENCODER = "AutoencoderTiny"
"""diffusers' class of TAESD and its like"""
SDXL_GUIDANCE = 5.0
"""diffusers' default for SDXL that is not distilled"""


WIDTHS = {768: "SD 1", 1024: "SD 2", 2048: "SDXL"}
"""width of the text embeddings, by which what goes with a U-Net shows which one it was made for"""


def other_base(what: str, found: int, own: int) -> ModelError:
    """What to say of ``what`` that was made for a U-Net with other text embeddings."""
    return ModelError(
        f"{what} is for {WIDTHS.get(found, 'another family')} (text width {found}), this model is"
        f" {WIDTHS.get(own, 'of another family')} (text width {own}): use one made for it."
    )


def base_of(configs: Configs, name: str) -> Base:
    """Which networks a checkpoint has, from its own configs. Raises ModelError for others."""
    unet = configs["unet"]
    if unet.get("in_channels") != unet.get("out_channels"):
        raise ModelError(
            f"{name} is for inpainting or editing, its U-Net takes {unet.get('in_channels')} channels:"
            " choose a text-to-image model."
        )
    added = unet.get("addition_embed_type")
    if added == "text_time":
        # the refiner has one encoder and takes an aesthetic score
        if "text_encoder" not in configs:
            raise ModelError(f"{name} is an SDXL refiner: choose the base model.")
        return "sdxl"
    if added is not None or "cross_attention_dim" not in unet:
        raise ModelError(f"{name} is not a Stable Diffusion 1, 2 or XL text-to-image model.")
    # OpenAI's CLIP has the quick GELU, OpenCLIP of SD 2 the exact one
    exact = configs.get("text_encoder", {}).get("hidden_act", "quick_gelu") == "gelu"
    return "sd2" if exact else "sd1"


def _has_no_middle(unet: Mapping[str, Any]) -> bool:
    """Whether a U-Net's config says that it has no middle block; one that says nothing has one."""
    return "mid_block_type" in unet and unet["mid_block_type"] is None


def pipeline_of(base: str) -> str:
    """Name of the pipeline that drives these networks; other names than :data:`Base`'s are one."""
    return "sd15" if base in ("sd1", "sd2") else base


def family_of(configs: Configs) -> Family:
    """How a checkpoint was distilled, from its own U-Net, scheduler and autoencoder configs."""
    scheduler = configs.get("scheduler", {})
    kind = str(scheduler.get("_class_name", ""))
    if _has_no_middle(configs["unet"]):
        # BK-SDM's tiny one has none either: it keeps the sampler and the autoencoder of SD 1 and many steps
        tiny = configs.get("vae", {}).get("_class_name") == TINY_AUTOENCODER
        return FAMILIES["base" if kind == "PNDMScheduler" and not tiny else "sdxs"]
    if configs["unet"].get("time_cond_proj_dim") or kind == "LCMScheduler":
        return FAMILIES["lcm"]
    if kind == "TCDScheduler":
        return FAMILIES["hyper"]
    euler = kind in ("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler")
    # models of v-prediction down to pure noise are trailing too, and not distilled
    distilled = (
        euler
        and scheduler.get("timestep_spacing") == "trailing"
        and scheduler.get("prediction_type", "epsilon") == "epsilon"
        and not scheduler.get("rescale_betas_zero_snr", False)
    )
    large = configs["unet"].get("addition_embed_type") == "text_time"
    if distilled:
        return FAMILIES["lightning" if large and kind == "EulerDiscreteScheduler" else "turbo"]
    return replace(FAMILIES["base"], guidance=SDXL_GUIDANCE) if large else FAMILIES["base"]


# weights alone carry no config: their publishers put the kind in the file name
_LORA_NAMES: tuple[tuple[str, FamilyName], ...] = (
    (r"hyper-?sd.*?1-?step", "hyper"),
    (r"hyper-?sd.*?(\d)-?steps", "lightning"),
    (r"lightning_(\d)step", "lightning"),
    (r"lcm[-_]?lora|lora[-_]?lcm|/lcm|pytorch_lora_weights.*lcm", "lcm"),
    (r"\btcd\b", "hyper"),
    (r"turbo", "turbo"),
)


def family_of_lora(lora: str) -> Family | None:
    """How a few-step LoRA wants to be sampled, by its published name; None for any other LoRA."""
    for pattern, name in _LORA_NAMES:
        if found := re.search(pattern, lora.lower()):
            family = FAMILIES[name]
            steps = int(found[1]) if found.groups() and found[1] else family.steps
            return replace(family, steps=steps, first_steps=max(steps, family.first_steps))
    return None
