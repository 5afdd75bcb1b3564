"""Stable Diffusion XL: two text encoders, a pooled embedding, and the size as a condition."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from phosphene.diffusion.checkpoints.families import Base
from phosphene.diffusion.sd.clip import TorchTextNet
from phosphene.diffusion.sd.pipeline import StableDiffusion
from phosphene.diffusion.sd.text import PromptEncoder, Tower, split_pooled
from phosphene.diffusion.sd.unet import Place, PromptInputs

if TYPE_CHECKING:
    import torch


class SDXLPipeline(StableDiffusion):
    """SDXL, SDXL-Turbo, SDXL-Lightning, LCM-SDXL, and LoRAs for them.

    The pooled embedding travels as the last row of the prompt's embedding, so that whatever blends,
    batches or saves prompts treats it with the rest. An empty prompt is all zeros where the checkpoint
    says so, which is what SDXL was trained with as "no prompt".
    """

    name: ClassVar[str] = "sdxl"
    bases: ClassVar[tuple[Base, ...]] = ("sdxl",)
    default_model: ClassVar[str] = "stabilityai/sdxl-turbo"

    def supports_pooled_embeds(self) -> bool:
        """True: it is the last row of every embedding."""
        return True

    def _parts(self, pipe: Any) -> list[Any]:
        return [pipe.unet, pipe.vae, pipe.text_encoder, pipe.text_encoder_2]

    def _prompt_encoder(self, pipe: Any) -> PromptEncoder:
        self._pooled_width: int = pipe.text_encoder_2.config.projection_dim
        towers = [
            Tower(pipe.tokenizer, TorchTextNet(pipe.text_encoder, penultimate=True)),
            Tower(pipe.tokenizer_2, TorchTextNet(pipe.text_encoder_2, penultimate=True)),
        ]
        return PromptEncoder(
            towers,
            self.diffusion_config.prompt_windows,
            pooled=True,
            empty_is_zero=pipe.config.force_zeros_for_empty_prompt,
        )

    def _told(self, latents: torch.Tensor, embeds: torch.Tensor) -> PromptInputs:
        rows, pooled = split_pooled(embeds, self._pooled_width)
        factor = self.facts.latent_factor
        height, width = latents.shape[2] * factor, latents.shape[3] * factor
        ids = _time_ids(height, width, (latents.device, latents.dtype))
        return PromptInputs(rows, pooled, ids.expand(len(latents), 6))


@lru_cache(maxsize=16)
def _time_ids(height: int, width: int, place: Place) -> torch.Tensor:
    """(1, 6) original size, crop, target size: the picture as if never scaled or cut; kept on the device."""
    import torch

    return torch.tensor([[height, width, 0, 0, height, width]], device=place[0], dtype=place[1])
