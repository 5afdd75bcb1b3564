"""Stable Diffusion 1 and 2: one text encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from phosphene.diffusion.checkpoints.families import Base
from phosphene.diffusion.sd.clip import TorchTextNet
from phosphene.diffusion.sd.pipeline import StableDiffusion
from phosphene.diffusion.sd.text import PromptEncoder, Tower
from phosphene.diffusion.sd.unet import PromptInputs

if TYPE_CHECKING:
    import torch


class SD15Pipeline(StableDiffusion):
    """Stable Diffusion 1.x, 2.x (noise or v-prediction), SD-Turbo, LCM, and their LoRAs.

    The known few-step LoRAs are ``latent-consistency/lcm-lora-sdv1-5`` (2-4 steps) and
    ``ByteDance/Hyper-SD/Hyper-SD15-1step-lora.safetensors`` (1 step).
    """

    name: ClassVar[str] = "sd15"
    bases: ClassVar[tuple[Base, ...]] = ("sd1", "sd2")
    default_model: ClassVar[str] = "stable-diffusion-v1-5/stable-diffusion-v1-5"

    def _parts(self, pipe: Any) -> list[Any]:
        return [pipe.unet, pipe.vae, pipe.text_encoder]

    def _prompt_encoder(self, pipe: Any) -> PromptEncoder:
        windows = self.diffusion_config.prompt_windows
        return PromptEncoder([Tower(pipe.tokenizer, TorchTextNet(pipe.text_encoder))], windows)

    def _told(self, latents: torch.Tensor, embeds: torch.Tensor) -> PromptInputs:
        return PromptInputs(embeds)
