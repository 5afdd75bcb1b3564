"""The built-in model behind the contract: NumPy and ONNX Runtime, or tensors on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from phosphene.config import DiffusionConfig, PipelineConfig
from phosphene.diffusion.base import Array, BaseDiffusionPipeline, Frames, ModelFacts
from phosphene.diffusion.lsd.device import open_nets
from phosphene.diffusion.lsd.manifest import history_noise
from phosphene.diffusion.lsd.nets import WEIGHTS
from phosphene.diffusion.lsd.networks import LARGE
from phosphene.diffusion.lsd.palette import dye, palette_of
from phosphene.diffusion.lsd.remembered import Remembered
from phosphene.diffusion.lsd.seeds import SeedBank
from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.diffusion.lsd.tints import Tints
from phosphene.diffusion.notices import say_unheeded
from phosphene.errors import InputError, ModelError
from phosphene.namespaces import array_namespace
from phosphene.prompt.weights import parse_weights
from phosphene.stream.arrays import to_numpy
from phosphene.stream.camera import STILL, CameraMove
from phosphene.stream.conditioning import Context
from phosphene.stream.memory import SLOTS
from phosphene.stream.schedule import Schedule

FloatArray = npt.NDArray[np.float32]

# what a silent room sounds like to the model: every band at its usual level, no attack
NEUTRAL_CONTROLS = np.array([0.5, 0.5, 0.5, 0.0, 0.0], np.float32)
# a full onset brightens the picture by a quarter: a flash. a third of it is an accent
CONTROL_GAIN = np.array([1.0, 1.0, 1.0, 0.35, 1.0], np.float32)
DYED_AT = 0.4
"""strength from which an input picture wears the prompt's colours and none of its own"""
LARGE_SIDE = 512
"""of a square picture that has the latents the model was trained on, drawn large"""
LARGE_AREA = 384 * 384
"""pixels from which pictures are drawn large; smaller ones would have too few latents for shapes"""
PALETTES = 16
"""prompts whose colours are kept"""
HEEDED = {"model", "model_id", "lora_id", "device", "kernels", "threads"}
"""settings that this model follows or refuses"""


class LSDPipeline(BaseDiffusionPipeline):
    """Live Stream Diffusion: a small latent flow model that sees its own last frame and the music."""

    name: ClassVar[str] = "lsd"

    @classmethod
    def suggest(cls, config: PipelineConfig) -> None:
        """Deterministic steps, one frame at a time, on noise that is mostly new in every frame.

        The model was trained on noise that has nothing to do with its last picture; noise that stays
        would be taken for texture and grow. On a CPU a shared call costs what it saves.
        """
        if (_weights(config.diffusion.model_id) / LARGE).is_file():
            config.inference.suggest(width=LARGE_SIDE, height=LARGE_SIDE)
        config.latent.suggest(fresh=0.7)
        config.stream.suggest(stream_batch=False, add_noise=False)
        # one step from much noise predicts means: little noise and a firm hand keep lines crisp, and what
        # moves a picture is camera and pose
        config.stream.suggest(temporal_blend_ratio=0.98, adaptive_blending=False, anchor=0.5)
        # an input picture comes dressed in the prompt's colours; its lines are finer than the model's
        config.stream.suggest(strength=0.5, detail=0.7)
        config.transform.suggest(strength=0.5, steps=2, detail=1.0, batch=1)
        # it draws no texture from noise that could stick to the screen; noise that moves makes it flicker
        config.transform.suggest(noise="fixed")

    def load_model(self) -> None:
        """Open the three networks that ship in the package, or those `phosphene train` wrote to a folder."""
        config = self.diffusion_config
        if config.lora_id:
            raise ModelError(
                f"the built-in model takes no LoRA: drop '{config.lora_id}' or choose --model sd15."
            )
        weights = _weights(config.model_id)
        others = DiffusionConfig.model_fields.keys() - HEEDED
        say_unheeded(config, others, "only Stable Diffusion has that")
        self._nets = open_nets(config, weights)
        self._told: tuple[Array, FloatArray] | None = None
        self._text = TextEncoder(weights / "text.npz")
        self._bank = SeedBank(weights / "seeds.npz")
        self._tints = Tints(self._text.encode, self._bank.colours)
        self._remembered = Remembered(self._bank, self._tints, self._nets.encode)
        self._palette = lru_cache(PALETTES)(self._find_palette)
        self._history_noise = history_noise(weights)
        large = self._nets.has_large
        self._facts = ModelFacts(
            name=self.name,
            latent_channels=8,
            latent_factor=8,
            # so that every size may be drawn large
            size_multiple=32 if large else 16,
            prediction="flow",
            schedule=Schedule.flow(),
            embed_shape=(1, self._text.dim),
            max_size=1024 if large else 512,
            # shapes were learned at 256: at 128 they are blobs
            min_size=192,
            # the kind of model that remembers is the kind that sees the source
            memory_slots=SLOTS if self._nets.has_memory else 0,
            follows_source=self._nets.has_memory,
        )
        # what is small on a large picture has as few latents as on a small one
        least = 2 * self._facts.min_size
        self._large_facts = replace(self._facts, latent_factor=16, min_size=least, halves=True)
        size, multiple = self.inference_config, self._facts.size_multiple
        if size.height % multiple or size.width % multiple:
            raise InputError(
                f"the built-in model draws multiples of {multiple} pixels, not"
                f" {size.width}x{size.height}."
            )

    @property
    def facts(self) -> ModelFacts:
        """Facts about the built-in model, at the size it is set to."""
        return self._large_facts if self._is_large else self._facts

    @property
    def _is_large(self) -> bool:
        """Whether pictures have as many latents as pictures of half their size."""
        size = self.inference_config
        return self._nets.has_large and is_large(size.width, size.height)

    def asarray(self, array: npt.NDArray[np.float32]) -> Array:
        """The array as contiguous float32, on the GPU if the networks are."""
        return self._nets.tensor(array)

    def encode_prompt(self, prompt: str | Sequence[str]) -> Array:
        """Word vectors, weighted and averaged -> (n, 1, dim); an empty prompt is all zeros."""
        texts = [prompt] if isinstance(prompt, str) else list(prompt)
        vectors = [self._text.encode_words(parse_weights(text)) for text in texts]
        for text, vector in zip(texts, vectors, strict=True):
            self._tints.hear(text, vector)
        return self.asarray(np.stack(vectors)[:, None, :])

    def encode_image(self, frames: Frames) -> Array:
        """uint8 (b, h, w, 3) -> latents (b, 8, h/8, w/8), of large pictures (b, 8, h/16, w/16)."""
        height, width = frames.shape[1:3]
        if self._nets.has_large and is_large(width, height):
            frames = halve(frames)
        return self._nets.encode(frames)

    def dress(self, frames: Frames, embeds: Array, strength: float) -> Frames:
        """Pictures (b, h, w, 3) in the colours of the prompt's remembered picture."""
        vector = self._vector(embeds)
        if strength <= 0 or not vector.any():
            return frames
        palette = self._palette(vector.tobytes())
        amount = min(1.0, strength / DYED_AT)
        return np.stack([dye(frame, palette, amount) for frame in frames])

    def _find_palette(self, vector: bytes) -> FloatArray:
        return palette_of(self._remembered.picture(np.frombuffer(vector, np.float32), 0))

    def _vector(self, embeds: Array) -> FloatArray:
        """A prompt (1, 1, dim) as (dim,) on the host; from a GPU the same array is fetched once."""
        if isinstance(embeds, np.ndarray):
            own: FloatArray = embeds.reshape(-1, self._text.dim)[0].astype(np.float32, copy=False)
            return own
        told = self._told
        if told is None or told[0] is not embeds:
            told = self._told = embeds, to_numpy(embeds).reshape(-1, self._text.dim)[0]
        return told[1]

    def denoise(self, latents: Array, timesteps: Array, embeds: Array, context: Context) -> Array:
        """One U-Net call -> velocity (b, 8, h, w)."""
        batch, xp = latents.shape[0], array_namespace(latents)
        controls = self._neutral if context.controls is None else context.controls
        return self._nets.denoise(
            latents,
            xp.broadcast_to(xp.asarray(timesteps, dtype=xp.float32), (batch,)),
            embeds,
            previous=context.previous,
            history_noise=self._history_noise,
            audio=xp.broadcast_to(controls * self._gain, (batch, 5)),
            before=context.before,
            memory=context.memory,
            memory_age=context.memory_age,
            source=context.source,
        )

    @cached_property
    def _neutral(self) -> Array:
        return self.asarray(NEUTRAL_CONTROLS)

    @cached_property
    def _gain(self) -> Array:
        return self.asarray(CONTROL_GAIN)

    def recall(
        self,
        embeds: Array,
        variant: int = 0,
        pose: CameraMove = STILL,
        motion: float = 0.0,
        controls: Array | None = None,
        *,
        before: tuple[Array, int] | None = None,
        share: float = 1.0,
    ) -> Array:
        """A moment of the family whose name is nearest to the prompt -> (1, 8, h, w)."""
        _, _, height, width = self.get_latent_shape()
        return self._remembered(self._vector(embeds), variant, pose, motion, height, width)

    def decode(self, latents: Array, palettes: Array | None = None) -> Frames:
        """Latents -> uint8 (b, 8h, 8w, 3), of large pictures (b, 16h, 16w, 3)."""
        return self._nets.decode_large(latents) if self._is_large else self._nets.decode(latents)


def is_large(width: int, height: int) -> bool:
    """Whether a picture of so many pixels is drawn from the latents of one half its size."""
    return width * height >= LARGE_AREA


def halve(frames: Frames) -> Frames:
    """(b, h, w, 3) -> (b, h/2, w/2, 3): means of 2 x 2 pixels."""
    from PIL import Image

    return np.stack([np.asarray(Image.fromarray(frame).reduce(2)) for frame in frames])


def _weights(given: str | None) -> Path:
    """The folder of the networks; raises ModelError for one that holds none."""
    if given is None:
        return WEIGHTS
    folder = Path(given)
    if not (folder / "denoiser.onnx").is_file():
        raise ModelError(
            f"'{given}' is no folder of networks: `phosphene train --out DIR` writes them to DIR/weights."
        )
    return folder
