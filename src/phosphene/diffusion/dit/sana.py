"""SANA-Sprint (Chen 2025): a continuous-time consistency model of few tokens, 32 pixels along a side of each.

Its own time is an angle (TrigFlow, Lu & Song 2024): x = cos(a) x0 + sin(a) noise. Divided by cos(a) + sin(a)
that is a flow at t = sin(a) / (cos(a) + sin(a)), which is what its transformer is told, so it is one here.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from phosphene.diffusion.base import ModelFacts
from phosphene.diffusion.dit.pipeline import TransformerPipeline
from phosphene.stream.conditioning import Context
from phosphene.stream.schedule import FloatArray, Schedule

if TYPE_CHECKING:
    import torch

NOISIEST = 1.57080
"""angle of pure noise, and the second of two steps: its authors' settings"""
SECOND_OF_TWO = 1.3
GUIDANCE = 4.5
"""classifier-free guidance that it was distilled with, told as a number"""
TOKENS = 300
"""of a prompt"""


@dataclass(frozen=True, eq=False)
class TrigSchedule(Schedule):
    """A flow whose steps are even in the angle."""

    def steps(
        self, n: int, strength: float = 1.0, indices: Sequence[int] | None = None
    ) -> FloatArray:
        """As :meth:`Schedule.steps`; two steps from nothing have their own second angle."""
        if indices is not None or strength == 0.0:
            return super().steps(n, strength, indices)
        even = super().steps(n, strength)
        angles = NOISIEST * even
        if n == 2 and strength == 1.0:
            angles[1] = angles[0] * SECOND_OF_TWO / NOISIEST
        sine, cosine = np.sin(angles), np.cos(angles)
        times: FloatArray = np.clip(sine / (sine + cosine), 0.0, 1.0)
        return times

    def strength_at(self, t: float) -> float:
        """The strength whose first step is at ``t``."""
        return float(min(1.0, np.arctan2(t, 1.0 - t) / NOISIEST))


class SanaSprintPipeline(TransformerPipeline):
    """SANA-Sprint 0.6B and 1.6B; good at 1024x1024."""

    name: ClassVar[str] = "sana"
    kind: ClassVar[str] = "SanaSprintPipeline"

    def _prepare(self, model_id: str) -> None:
        net, pipe = self._pipe.transformer, self._pipe
        factor = pipe.vae_scale_factor
        # what its authors put before every prompt
        usual = (
            inspect.signature(type(pipe).__call__).parameters["complex_human_instruction"].default
        )
        self._instruction = usual
        self._facts = ModelFacts(
            name=model_id,
            latent_channels=net.config.in_channels,
            latent_factor=factor,
            size_multiple=factor * net.config.patch_size,
            prediction="flow",
            schedule=TrigSchedule(),
            # and whether a token counts, beside its numbers
            embed_shape=(TOKENS, net.config.caption_channels + 1),
            max_size=2048,
            min_size=512,
        )

    @property
    def facts(self) -> ModelFacts:
        """Facts read from the configs of the loaded parts."""
        return self._facts

    def _embed(self, prompt: str) -> torch.Tensor:
        import torch

        embeds, mask = self._pipe.encode_prompt(
            prompt, device=self._device, complex_human_instruction=self._instruction
        )
        counts = mask[..., None].to(embeds.dtype)
        # padding is nothing, so that prompts of different lengths can be mixed
        return torch.cat([embeds * counts, counts], dim=-1)[0]

    def _clean(self, pixels: torch.Tensor) -> torch.Tensor:
        vae = self._pipe.vae
        clean: torch.Tensor = vae.encode(pixels, return_dict=False)[0] * vae.config.scaling_factor
        return clean

    def _pixels(self, latents: torch.Tensor) -> torch.Tensor:
        vae = self._pipe.vae
        pixels: torch.Tensor = vae.decode(latents / vae.config.scaling_factor, return_dict=False)[0]
        return pixels

    def _predict(
        self, x: torch.Tensor, t: torch.Tensor, embeds: torch.Tensor, context: Context
    ) -> torch.Tensor:
        import torch

        net = self._pipe.transformer
        scale = getattr(net.config, "guidance_embeds_scale", 1.0)
        flow: torch.Tensor = net(
            x,
            encoder_hidden_states=embeds[..., :-1],
            encoder_attention_mask=embeds[..., -1] > 0,
            guidance=torch.full((len(x),), GUIDANCE * scale, device=x.device, dtype=x.dtype),
            timestep=t,
            return_dict=False,
        )[0]
        return flow
