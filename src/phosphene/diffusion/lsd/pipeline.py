"""The built-in model behind the contract: NumPy in, NumPy out, ONNX Runtime inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from phosphene.config import PipelineConfig
from phosphene.diffusion.base import BaseDiffusionPipeline, Context, Frames, ModelFacts
from phosphene.diffusion.lsd.nets import LsdNets
from phosphene.diffusion.lsd.seeds import SeedBank
from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.diffusion.notices import say_once
from phosphene.errors import InputError, ModelError
from phosphene.prompt.weights import parse_weights
from phosphene.stream.schedule import Schedule

FloatArray = npt.NDArray[np.float32]

# what a silent room sounds like to the model: every band at its usual level, no attack
NEUTRAL_CONTROLS = np.array([0.5, 0.5, 0.5, 0.0, 0.0], np.float32)
# measured: told that its past is clean, the model keeps shapes longest
HISTORY_NOISE = 0.0
# a full onset brightens the picture by a quarter: a flash. a third of it is an accent
CONTROL_GAIN = np.array([1.0, 1.0, 1.0, 0.35, 1.0], np.float32)


class LSDPipeline(BaseDiffusionPipeline):
    """Live Stream Diffusion: a small latent flow model that sees its own last frame and the music."""

    name: ClassVar[str] = "lsd"

    @classmethod
    def suggest(cls, config: PipelineConfig) -> None:
        """Deterministic steps, one frame at a time, on noise that is mostly new in every frame.

        The model was trained on noise that has nothing to do with its last picture; noise that stays
        would be taken for texture and grow. On a CPU a shared call costs what it saves.
        """
        config.latent.suggest(fresh=0.7)
        config.stream.suggest(stream_batch=False, add_noise=False)

    def load_model(self) -> None:
        """Open the three networks that ship in the package."""
        config = self.diffusion_config
        if config.model_id or config.lora_id:
            given = config.model_id or config.lora_id
            raise ModelError(
                f"the built-in model has no other weights: drop '{given}' or choose --model sd15."
            )
        if config.device not in ("auto", "cpu"):
            say_once(f"the built-in model runs on the CPU, not on {config.device}.")
        self._nets = LsdNets(threads=config.threads)
        self._text = TextEncoder()
        self._bank = SeedBank()
        self._facts = ModelFacts(
            name=self.name,
            latent_channels=8,
            latent_factor=8,
            size_multiple=16,
            prediction="flow",
            schedule=Schedule.flow(),
            embed_shape=(1, self._text.dim),
            max_size=512,
        )
        size = self.inference_config
        if size.height % 16 or size.width % 16:
            raise InputError(
                f"the built-in model draws multiples of 16 pixels, not {size.width}x{size.height}."
            )

    @property
    def facts(self) -> ModelFacts:
        """Facts about the built-in model."""
        return self._facts

    def asarray(self, array: npt.NDArray[np.float32]) -> FloatArray:
        """The array as contiguous float32."""
        return np.ascontiguousarray(array, np.float32)

    def encode_prompt(self, prompt: str | Sequence[str]) -> FloatArray:
        """Word vectors, weighted and averaged -> (n, 1, dim); an empty prompt is all zeros."""
        texts = [prompt] if isinstance(prompt, str) else list(prompt)
        vectors = [self._text.encode_words(parse_weights(text)) for text in texts]
        return np.stack(vectors)[:, None, :]

    def encode_image(self, frames: Frames) -> FloatArray:
        """uint8 (b, h, w, 3) -> latents (b, 8, h/8, w/8)."""
        return self._nets.encode(frames)

    def denoise(
        self, latents: FloatArray, timesteps: FloatArray, embeds: FloatArray, context: Context
    ) -> FloatArray:
        """One U-Net call -> velocity (b, 8, h, w)."""
        batch = latents.shape[0]
        controls = context.controls if context.controls is not None else NEUTRAL_CONTROLS
        return self._nets.denoise(
            latents,
            np.broadcast_to(np.asarray(timesteps, np.float32), (batch,)),
            np.broadcast_to(embeds, (batch, *embeds.shape[1:])),
            previous=context.previous,
            history_noise=HISTORY_NOISE,
            audio=np.broadcast_to(controls * CONTROL_GAIN, (batch, 5)),
        )

    def recall(self, embeds: FloatArray, variant: int = 0) -> FloatArray:
        """A picture of the family whose name is nearest to the prompt -> (1, 8, h, w)."""
        _, _, height, width = self.get_latent_shape()
        return self._bank.latent(embeds[0, 0], variant, height, width)[None]

    def decode(self, latents: FloatArray) -> Frames:
        """Latents -> uint8 (b, 8h, 8w, 3)."""
        return self._nets.decode(latents)
