"""The one contract every diffusion model obeys."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from phosphene.config import DiffusionConfig, InferenceConfig, PipelineConfig
from phosphene.namespaces import array_namespace
from phosphene.stream.arrays import Home
from phosphene.stream.batch import Denoiser, Plan
from phosphene.stream.camera import STILL, CameraMove
from phosphene.stream.conditioning import Context
from phosphene.stream.sample import sample
from phosphene.stream.schedule import Prediction, Schedule

Array = Any
"""an array of the pipeline's own namespace: NumPy, torch or MLX"""
Frames = npt.NDArray[np.uint8]
"""uint8 RGB frames, shape (b, height, width, 3)"""


@dataclass(frozen=True)
class ChunkFacts:
    """What is known of a model that draws several pictures a call, in latent frames."""

    frames: int
    """latent frames a chunk, as it was trained"""
    steps: int
    """denoising steps a chunk, as it was trained"""
    rate: float
    """pictures a second, as it was trained"""
    pictures: int = 4
    """of a latent frame; a stream's first has one"""
    decoders: tuple[str, ...] = ()
    """by name, the best first"""


@dataclass(frozen=True)
class ModelFacts:
    """What the engine must know about a model."""

    name: str
    latent_channels: int
    latent_factor: int
    """picture pixels per latent pixel, along one side"""
    size_multiple: int
    """heights and widths must be a multiple of this"""
    prediction: Prediction
    schedule: Schedule
    embed_shape: tuple[int, int]
    """(sequence length, hidden size) of one encoded prompt"""
    max_size: int
    """longest side it draws well without upscaling, pixels"""
    min_size: int = 64
    """shortest side that is worth looking at, pixels: a live show that lacks time draws no smaller"""
    halves: bool = False
    """whether pictures of half the size have as many latents: the same shapes, fewer pixels"""
    scalable: bool = False
    """whether shapes and cost of a picture hardly depend on its size: it is drawn as large as it is shown"""
    memory_slots: int = 0
    """slots of the context memory that it looks at, besides the output before its last; 0: neither"""
    follows_source: bool = False
    """whether it looks at the clean latent of the input picture"""
    chunk: ChunkFacts | None = None
    """of a model that draws chunks, whose prompts are changed as a whole, not mixed"""


@dataclass(frozen=True)
class WorkerNeeds:
    """What a machine, or a part of one, must have to draw with a model."""

    cpus: float | None = None
    """cores of a worker without a GPU; None: all of the machine's"""
    gpu: bool = True
    """whether it takes a GPU where there is one and nothing else was said"""
    networks: int = 1
    """small networks that run side by side and share the cores; 1: one takes nearly all the time"""


class Recalled(NamedTuple):
    """What a stream is to follow."""

    latent: Array
    """(1 c h w), clean"""
    recipe: Array | None = None
    """(1, n) numbers that it was drawn from, which travel with the picture to :meth:`BasePipeline.refine`;
    None where nothing finer than a latent can be drawn"""


class BasePipeline(ABC):
    """A model as shows see it, whether it draws a picture a call or a chunk of several.

    Subclasses load weights in :meth:`load_model`, which runs on construction. Latents are NCHW in the
    model's own array namespace; pictures are uint8 NHWC NumPy arrays.
    """

    name: ClassVar[str]
    needs: ClassVar[WorkerNeeds] = WorkerNeeds()

    def __init__(
        self, diffusion_config: DiffusionConfig, inference_config: InferenceConfig
    ) -> None:
        self.diffusion_config = diffusion_config
        self.inference_config = inference_config
        self.load_model()

    @classmethod  # noqa: B027 (most models have no wishes)
    def suggest(cls, config: PipelineConfig) -> None:
        """Set what this model plays best with, wherever the user has set nothing."""

    @classmethod
    def device_for(cls, config: DiffusionConfig) -> str | None:
        """The device on which another class may have to draw this model; see the registry. None: any."""
        return None

    def view(self, inference: InferenceConfig) -> Self:
        """The same loaded model, networks shared, with sizes, steps and seed of its own."""
        view = copy.copy(self)
        view.inference_config = inference
        return view

    @abstractmethod
    def load_model(self) -> None:
        """Load weights and set :attr:`facts`. Raises :class:`~phosphene.errors.ModelError`."""

    @property
    @abstractmethod
    def facts(self) -> ModelFacts:
        """Facts about the loaded model."""

    @abstractmethod
    def asarray(self, array: npt.NDArray[np.float32]) -> Array:
        """Move a float32 NumPy array to the model's namespace, device and dtype."""

    @abstractmethod
    def encode_prompt(self, prompt: str | Sequence[str]) -> Array:
        """Encode one or more prompts with ``(word:1.3)`` weights -> (n, seq, hidden)."""

    @abstractmethod
    def encode_image(self, frames: Frames) -> Array:
        """Encode uint8 pictures -> (b c h w) clean latents, about unit variance."""

    def dress(self, frames: Frames, embeds: Array, strength: float) -> Frames:
        """Input pictures as this model draws over them best, before they are encoded.

        ``embeds`` (1, seq, hidden) says what will be drawn; of ``strength`` 0 nothing may change. Models
        that know the world take pictures as they are.
        """
        return frames

    def control_image(self, frames: Frames) -> Array | None:
        """What uint8 pictures tell the model besides their latents -> (b, 3, height, width) in 0..1.

        Models that take no such picture return None.
        """
        return None

    def refer(self, frames: Frames) -> Array | None:
        """What uint8 pictures are to a model that refers to them, as it will; None for others."""
        return None

    def told_of(self, frames: Frames) -> Context:
        """All that uint8 input pictures tell the model besides their latents."""
        return Context(control=self.control_image(frames), referred=self.refer(frames))

    @abstractmethod
    def decode(self, latents: Array, palettes: Array | None = None) -> Frames:
        """Decode clean latents -> uint8 pictures.

        ``palettes`` (b, 256, 3) sRGB 0..255 are the colours of models that draw fields; others look
        at none.
        """

    def refine(self, latents: Array, guides: Array | None = None) -> Array:
        """Fields as fine as this model knows them, for :meth:`paint`; ``guides`` are recipes, see `Recalled`.

        Those that are finer than a latent already, and latents of models that draw RGB, come back as they
        are.
        """
        return latents

    def paint(self, fields: Array, palettes: Array | None = None) -> Frames:
        """What :meth:`refine` gave, as pictures: both together are :meth:`decode`."""
        return self.decode(fields, palettes)

    def planes(self, fields: Array) -> Frames | None:
        """What :meth:`refine` gave as uint8 (b, 2, h, w), place and light 0..255, not enlarged or coloured.

        For displays that do both themselves; None for models that draw RGB.
        """
        return None

    def palettes(self, prompts: Sequence[str]) -> Array | None:
        """Colours of prompts -> (n, 256, 3) float32 sRGB 0..255; None for models that draw RGB.

        They are mixed just as the prompts' embeddings are, and come back with each picture to decode.
        """
        return None

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
        seen: bool = True,
    ) -> Recalled | None:
        """A clean latent (1 c h w) for a stream to follow, whose shapes fit a prompt (1, seq, hidden).

        ``variant`` 0.. picks one of many; ``pose`` says how it stands, ``motion`` how many seconds it
        has moved at its own pace, ``controls`` (5,) what is heard: bass, mid, treble, onset, beat phase.
        During a change, ``before`` is the prompt and variant that were shown, and ``share`` 0..1 says how
        far the change is. ``seen`` says that :meth:`refine` will be asked for its picture: what is drawn for
        both is drawn once. Models without such a guide return None.
        """
        return None

    def stance(self, embeds: Array, pose: CameraMove) -> CameraMove | None:
        """How the guide stands that :meth:`recall` draws of this in silence: its zoom, turn and pans.

        What sound does to it comes and goes, and nobody should believe that it goes on. None for models
        without a guide.
        """
        return None

    def follow(self, source: Array, drawn: Array | None, strength: float) -> tuple[Array, float]:
        """What to start from where a picture came in, and how strongly to redraw that.

        ``source`` (1 c h w) is the picture's latent, ``drawn`` what :meth:`recall` gave; of ``strength`` 0
        nothing may change. Models that draw a prompt's pattern by themselves start from the picture.
        """
        return source, strength

    def supports_pooled_embeds(self) -> bool:
        """True for models that also take a pooled text embedding (SDXL)."""
        return False

    def get_latent_shape(self, batch: int = 1) -> tuple[int, int, int, int]:
        """(batch, channels, height, width) of latents for the configured picture size."""
        facts, size = self.facts, self.inference_config
        return (
            batch,
            facts.latent_channels,
            size.height // facts.latent_factor,
            size.width // facts.latent_factor,
        )

    def as_model_dtype(self, array: Array) -> Array:
        """The same array in the dtype that :meth:`asarray` gives."""
        return array_namespace(array).astype(array, self._dtype, copy=False)

    @cached_property
    def _dtype(self) -> Any:
        return self.asarray(np.zeros(1, np.float32)).dtype


class BaseDiffusionPipeline(BasePipeline):
    """A text-to-image latent diffusion model as the engine sees it: one call is one step of a picture."""

    @abstractmethod
    def denoise(self, latents: Array, timesteps: Array, embeds: Array, context: Context) -> Array:
        """One model call -> its prediction (b c h w), of the kind ``facts.prediction`` names.

        ``latents`` (b c h w) noisy, ``timesteps`` (b,) in the schedule's unit, ``embeds``
        (b, seq, hidden).
        """

    def generate_batch(
        self, latents: Array, prompt_embeds: Array, palettes: Array | None = None
    ) -> Frames:
        """Independent pictures: unit noise (n c h w), embeddings (n or 1, seq, hidden) -> (n h w 3).

        ``palettes`` (n or 1, 256, 3) are the colours of models that draw fields; see :meth:`palettes`.

        ``inference_config`` gives the steps, the seed of the noise between them, and the pictures per
        model call, which changes the speed only. Raises :class:`~phosphene.errors.InputError`.
        """
        config = self.inference_config
        home = Home.of(self.asarray(np.zeros(1, np.float32)))
        timesteps = self.facts.schedule.steps(config.num_inference_steps)
        plan = Plan(tuple(timesteps.tolist()), config.seed)
        batches = sample(
            home.float32(latents),
            home.float32(prompt_embeds),
            plan,
            self.denoiser(),
            config.batch_size,
        )
        frames, done = [], 0
        for batch in batches:
            rows = slice(done, done + batch.shape[0])
            own = palettes if palettes is None or palettes.shape[0] == 1 else palettes[rows]
            frames.append(self.decode(self.as_model_dtype(batch), own))
            done = rows.stop
        return np.concatenate(frames)

    def denoiser(self) -> Denoiser:
        """This model as the engine sees it: float32 in and out, whatever its own dtype."""

        # (a prompt, the same in the model's dtype): most frames are told what the frame before was told
        told: tuple[Array, Array] | None = None

        def denoise(latents: Array, timesteps: Array, embeds: Array, context: Context) -> Array:
            nonlocal told
            if told is None or told[0] is not embeds:
                told = embeds, self.as_model_dtype(embeds)
            context = context.map(self.as_model_dtype, exact=False)
            prediction = self.denoise(self.as_model_dtype(latents), timesteps, told[1], context)
            xp = array_namespace(prediction)
            return xp.astype(prediction, xp.float32, copy=False)

        facts = self.facts
        return Denoiser(
            facts.schedule, facts.prediction, denoise, facts.memory_slots, facts.follows_source
        )
