"""Stable Diffusion 1.5 on PyTorch, with few-step LoRAs and the tiny autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from phosphene.diffusion.base import BaseDiffusionPipeline, Context, Frames, ModelFacts
from phosphene.diffusion.notices import first_line, say_once
from phosphene.diffusion.sd_errors import explained
from phosphene.errors import InputError, ModelError
from phosphene.stream.schedule import Prediction, Schedule

if TYPE_CHECKING:
    import torch

DEFAULT_MODEL = "stable-diffusion-v1-5/stable-diffusion-v1-5"
PREDICTIONS: dict[str, Prediction] = {"epsilon": "eps", "v_prediction": "v", "sample": "x0"}
"""diffusers' names and ours"""
SMALLEST_ALPHA = 2.0**-24
"""stands in for a terminal signal of exactly 0, as in diffusers' EulerDiscreteScheduler"""


class SD15Pipeline(BaseDiffusionPipeline):
    """Stable Diffusion 1.5 behind the contract.

    ``model_id``: a hub id, a diffusers folder, or one .safetensors file. ``lora_id``: a hub id,
    ``owner/name/file.safetensors``, or a local file; fused at load. The known few-step ones are
    ``latent-consistency/lcm-lora-sdv1-5`` (2-4 steps) and
    ``ByteDance/Hyper-SD/Hyper-SD15-1step-lora.safetensors`` (1 step).

    The networks run in the configured dtype; latents and embeddings come out as float32, since the
    norm of a whole prompt, which blending needs, can overflow float16. Only :meth:`decode` waits for
    the device.
    """

    name: ClassVar[str] = "sd15"

    def load_model(self) -> None:
        """Load everything onto the device. Raises ModelError, or MissingExtraError without torch."""
        model_id = self.diffusion_config.model_id or DEFAULT_MODEL
        with explained(model_id, "model"):
            self._load(model_id)

    def _load(self, model_id: str) -> None:
        import torch

        from phosphene.diffusion.sd_load import load_parts
        from phosphene.diffusion.sd_text import PromptEncoder
        from phosphene.diffusion.torch_device import pick_device, pick_dtype

        config = self.diffusion_config
        self._device = pick_device(config)
        self._net_dtype = pick_dtype(config, self._device)
        parts = load_parts(config, model_id)
        for part in (parts.unet, parts.vae, parts.text_encoder):
            # diffusers' own .to() warns of float32 layers, of which these have none
            torch.nn.Module.to(part, self._device, self._net_dtype)
        if config.enable_channels_last:
            parts.unet.to(memory_format=torch.channels_last)
            parts.vae.to(memory_format=torch.channels_last)
        self._vae = parts.vae
        self._unet = parts.unet
        self._prompts = PromptEncoder(parts.tokenizer, parts.text_encoder)
        self._facts = _facts(parts, self._prompts, model_id)
        if config.compile_unet:
            self._compile()

    @property
    def facts(self) -> ModelFacts:
        """Facts read from the configs of the loaded parts."""
        return self._facts

    def asarray(self, array: npt.NDArray[np.float32]) -> torch.Tensor:
        """Copy a NumPy array to the device, in the dtype of the networks."""
        import torch

        return torch.tensor(array, dtype=self._net_dtype, device=self._device)

    def encode_prompt(self, prompt: str | Sequence[str]) -> torch.Tensor:
        """Encode prompts with ``(word:1.3)`` weights -> (n, seq, hidden) float32, cached per text.

        What does not fit the model's 75 tokens is dropped and said once. Raises InputError for an
        empty list.
        """
        import torch

        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        if not prompts:
            raise InputError("there is no prompt to encode: give at least one.")
        with torch.inference_mode():
            return torch.stack([self._prompts.encode(text) for text in prompts])

    def encode_image(self, frames: Frames) -> torch.Tensor:
        """Encode uint8 (b, height, width, 3) -> (b c h w) float32; the mode, so nothing is random."""
        import torch

        with torch.inference_mode():
            pixels = torch.tensor(frames, device=self._device).permute(0, 3, 1, 2)
            encoded = self._vae.encode((pixels.float() / 127.5 - 1.0).to(self._net_dtype))
            # the tiny autoencoder has latents, the full one a distribution of them
            found = (
                encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
            )
            latents: torch.Tensor = found.float() * self._vae.config.scaling_factor
        return latents

    def denoise(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        embeds: torch.Tensor,
        context: Context,
    ) -> torch.Tensor:
        """One U-Net call -> (b c h w), in the dtype of ``latents``. ``context`` is not looked at.

        Timesteps may be fractions; give them as float32, since bfloat16 cannot tell 999 from 1000.
        """
        import torch

        with torch.inference_mode():
            predicted: torch.Tensor = self._unet(
                latents.to(self._net_dtype),
                timesteps.float(),
                encoder_hidden_states=embeds.to(self._net_dtype),
                return_dict=False,
            )[0]
            return predicted.to(latents.dtype)

    def decode(self, latents: torch.Tensor) -> Frames:
        """Decode clean latents (b c h w) -> uint8 (b, height, width, 3)."""
        import torch

        with torch.inference_mode():
            clean = latents.float() / self._vae.config.scaling_factor
            pixels = self._vae.decode(clean.to(self._net_dtype), return_dict=False)[0]
            pixels = (pixels.float() * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)
            frames: Frames = pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return frames

    def _compile(self) -> None:
        """Compile now, at the configured size: a failure must be seen here, not in the first frame."""
        import torch

        plain = self._unet
        length, hidden = self._facts.embed_shape
        try:
            self._unet = torch.compile(plain)
            self.denoise(
                torch.zeros(self.get_latent_shape(), device=self._device),
                torch.zeros(1, device=self._device),
                torch.zeros((1, length, hidden), device=self._device),
                Context(),
            )
        except Exception as error:
            self._unet = plain
            say_once(f"compile_unet is off, the U-Net runs uncompiled: {first_line(error)}.")


def _facts(parts: Any, prompts: Any, model_id: str) -> ModelFacts:
    scheduler = parts.scheduler
    kind = scheduler.config.prediction_type
    if kind not in PREDICTIONS:
        raise ModelError(
            f"{model_id} predicts '{kind}': only {', '.join(PREDICTIONS)} can be used."
        )
    factor = 2 ** (len(parts.vae.config.block_out_channels) - 1)
    alphas = scheduler.alphas_cumprod.double().cpu().numpy()
    return ModelFacts(
        name=model_id,
        latent_channels=parts.unet.config.in_channels,
        latent_factor=factor,
        size_multiple=factor,
        prediction=PREDICTIONS[kind],
        schedule=Schedule(np.maximum(alphas, SMALLEST_ALPHA)),
        embed_shape=(prompts.length, prompts.hidden),
        max_size=parts.unet.config.sample_size * factor,
    )
