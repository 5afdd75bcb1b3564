"""Any model as a live stream: one finished picture per call, each hanging on the one before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

import numpy as np
import numpy.typing as npt

from phosphene.config import StreamConfig
from phosphene.diffusion.base import Array, BaseDiffusionPipeline, Frames
from phosphene.errors import InputError
from phosphene.namespaces import evaluate
from phosphene.stream import engine
from phosphene.stream.arrays import Home
from phosphene.stream.batch import Denoiser
from phosphene.stream.camera import STILL
from phosphene.stream.coherence import USUAL_ENERGY, clamp_energy
from phosphene.stream.conditioning import UNTOLD
from phosphene.stream.entry import Entry, FrameOptions, begin, look
from phosphene.stream.guidance import Guidance
from phosphene.stream.noise import HeldNoise
from phosphene.stream.resize import resize_state
from phosphene.stream.state import StreamState, dump, held, load, restore, save

Frame = npt.NDArray[np.uint8]
"""one uint8 RGB picture, (height, width, 3)"""


@dataclass(frozen=True)
class Key:
    """A finished picture before it is decoded: the very arrays of the one before where none was drawn."""

    latent: Array
    """(1 c h w)"""
    palette: Array | None = None
    """(1 256 3) its colours, of models that draw fields"""
    guide: Array | None = None
    """(1 n) what it followed, see :class:`~phosphene.diffusion.base.Recalled`"""
    fading: tuple[Key, float] | None = None
    """a picture that it takes over from, and how far it has, 0..1"""


class StreamDiffusionPipeline:
    """A stream of pictures from one model.

    ``stream_config`` may be replaced or changed between any two frames; frames on their way keep the
    settings they started with. Another picture size takes the picture along, resampled. Everything the
    stream remembers is :attr:`state`.

    Args:
        base_pipeline: the model.
        stream_config: how frames hang together.
        noise_scale_func: factor on a frame's noise from its music energy (0..1), in place of the
            configured ``noise_scale``.
        denoiser: another way to call the model than ``base_pipeline.denoiser()``.
    """

    def __init__(
        self,
        base_pipeline: BaseDiffusionPipeline,
        stream_config: StreamConfig,
        noise_scale_func: Callable[[float], float] | None = None,
        denoiser: Denoiser | None = None,
    ) -> None:
        self.base = base_pipeline
        self.stream_config = stream_config
        self.noise_scale_func = noise_scale_func
        self.state = StreamState()
        self._home = Home.of(base_pipeline.asarray(np.zeros(1, np.float32)))
        self._engine = engine.Engine(denoiser or base_pipeline.denoiser(), HeldNoise(self._home))
        self._negative: Array | None = None
        self._decoded: tuple[Array, Frame] | None = None

    @property
    def latency(self) -> int:
        """Frames between the call that takes a frame and the one that returns it: steps x buffer - 1.

        Until then the picture before it stays; the first frame is returned at once.
        """
        config = self.stream_config
        if not config.stream_batch:
            return 0
        steps = len(config.t_index_list or ()) or config.denoising_steps
        return engine.latency(steps, config.frame_buffer_size)

    @property
    def shown(self) -> int:
        """Index of the frame returned last, counted in calls since the reset; -1 before the first."""
        return self.state.shown

    def encode_prompt(self, prompt: str | Sequence[str]) -> Array:
        """Prompts -> (n, seq, hidden)."""
        return self.base.encode_prompt(prompt)

    def set_negative_prompt(self, prompt: str) -> None:
        """What guidance full and initialize stay away from, from the next frame on."""
        self.set_negative_embeds(self.base.encode_prompt(prompt))

    def set_negative_embeds(self, embeds: Array) -> None:
        """The same with an encoded prompt (1 seq hidden)."""
        self._negative = self._home.float32(embeds)

    def get_latent_shape(self, batch: int = 1) -> tuple[int, int, int, int]:
        """(batch, channels, height, width) of latents for the configured picture size."""
        return self.base.get_latent_shape(batch)

    def generate_frame_with_coherence(
        self,
        latent: Array,
        prompt_embeds: Array,
        music_energy: float = USUAL_ENERGY,
        **options: Unpack[FrameOptions],
    ) -> Frame:
        """The next picture, started from the previous one and ``latent``; see :meth:`step`."""
        return self._decode(self.step(latent, prompt_embeds, music_energy, **options))

    def generate_frame(
        self,
        image: Frame,
        prompt_embeds: Array,
        music_energy: float = USUAL_ENERGY,
        *,
        latent: Array | None = None,
        **options: Unpack[FrameOptions],
    ) -> Frame:
        """The next picture, drawn over ``image``, uint8 (height, width, 3); see :meth:`step`.

        Without a ``latent`` the noise is the seed's own, the same in every frame.
        """
        return self._decode(self.step(latent, prompt_embeds, music_energy, image=image, **options))

    def step_latent(
        self,
        latent: Array | None,
        prompt_embeds: Array,
        music_energy: float = USUAL_ENERGY,
        *,
        image: Frame | None = None,
        **options: Unpack[FrameOptions],
    ) -> Array:
        """The latent (1 c h w) alone of what :meth:`step` gives."""
        return self.step(latent, prompt_embeds, music_energy, image=image, **options).latent

    def step(
        self,
        latent: Array | None,
        prompt_embeds: Array,
        music_energy: float = USUAL_ENERGY,
        *,
        image: Frame | None = None,
        **options: Unpack[FrameOptions],
    ) -> Key:
        """Take one frame in and give the finished picture to show now, for ``base.decode``.

        One model call, shared with the frames still on their way; the first frame, or one after a
        cut, is finished at once. Decoding is left out so that another thread can do it. With the
        similarity filter on, the device is waited for once per frame; else never.

        Args:
            latent: (1 c h w) unit-variance noise; None takes the seed's own, the same every frame.
            prompt_embeds: (1 seq hidden) or (seq hidden).
            music_energy: 0..1; loud frames keep less of the previous picture.
            image: uint8 (height, width, 3) to start from instead of the previous picture.
            options: see :class:`FrameOptions`.

        Raises:
            InputError: an array of the wrong shape.
            ConfigError: a strength outside 0..1.
        """
        config = self.stream_config
        entry = self._entry(latent, prompt_embeds, music_energy, options)
        if image is not None:
            self._check_image(image)
        if options.get("cut", False):
            self.state = engine.cut(self.state)
        elif options.get("forget", False):
            self.state = engine.forget(self.state)
        self.state = resize_state(self.state, entry.noise.shape)
        if config.enable_similarity_filter:
            picture = entry.noise if entry.image is None else entry.image
            if image is not None:
                picture = self._home.float32(_unit_range(image))
            skip, watch = look(self.state, entry, picture, config)
            self.state = replace(self.state, watch=watch)
            if skip:
                self.state = engine.skip(self.state, self._engine)
                return self._key()
        if image is not None:
            strength = config.strength if entry.strength is None else entry.strength
            dressed = self.base.dress(image[None], entry.embeds, strength)
            source = self._home.float32(self.base.encode_image(dressed))
            told = self.base.told_of(image[None])
            entry = replace(entry, image=source, context=entry.context.told(told))
        if entry.image is not None:
            strength = config.strength if entry.strength is None else entry.strength
            start, redraw = self.base.follow(entry.image, entry.anchor, strength)
            anchor = None if entry.anchor is None else start
            # what follows a picture is not what its guide shows
            told = replace(entry.context, guide=None)
            entry = replace(entry, image=start, anchor=anchor, strength=redraw, context=told)
        elif entry.anchor_weight <= 0:
            # nor is what nothing draws to it
            entry = replace(entry, context=replace(entry.context, guide=None))
        first_steps = self.base.inference_config.num_inference_steps
        in_flight = begin(self.state, entry, self._engine.model, config, first_steps)
        buffer = config.frame_buffer_size
        self.state = engine.step(
            self.state, in_flight, self._engine, entry.camera, buffer, config.stream_batch
        )
        return self._key()

    def flush_keys(self) -> list[Key]:
        """Finish the frames on their way; those not shown yet, oldest first."""
        self.state, landed = engine.flush(self.state, self._engine)
        keys = [
            Key(self.base.as_model_dtype(each.x), each.context.palette, each.context.guide)
            for each in landed
        ]
        evaluate([*held(self.state), *(key.latent for key in keys)])
        return keys

    def flush_latents(self) -> list[Array]:
        """The latents (1 c h w) alone of what :meth:`flush_keys` gives."""
        return [key.latent for key in self.flush_keys()]

    def flush(self) -> Frames:
        """Finish the frames on their way; pictures (n h w 3) of those not shown yet, oldest first."""
        size = self.base.inference_config
        pictures = [self._painted(key) for key in self.flush_keys()]
        # an upscaler decodes to larger ones
        none = np.empty((0, size.height, size.width, 3), np.uint8)
        return np.concatenate(pictures) if pictures else none

    def reset(self) -> None:
        """Forget everything: the next frame is frame 0 and starts from nothing."""
        self.state = StreamState()

    def dump_state(self) -> bytes:
        """The stream's memory, for :meth:`restore_state`."""
        return dump(self.state)

    def restore_state(self, data: bytes) -> None:
        """Go on exactly where :meth:`dump_state` was called. Raises InputError."""
        self.state = restore(data, self._home.float32)

    def save_state(self, path: str | Path) -> None:
        """Write the stream's memory. Raises :class:`~phosphene.errors.OutputError`."""
        save(self.state, path)

    def load_state(self, path: str | Path) -> None:
        """Go on exactly where :meth:`save_state` was called. Raises InputError."""
        self.state = load(path, self._home.float32)

    @property
    def key(self) -> Key:
        """The picture that :meth:`step` gave last. Raises :class:`InputError` before the first."""
        if self.state.picture is None:
            raise InputError("nothing has been drawn yet.")
        return self._key()

    def _key(self) -> Key:
        state, picture = self.state, self.base.as_model_dtype(self.state.picture)
        # another thread may decode it while this one goes on with the next frame
        evaluate([*held(state), picture])
        return Key(picture, state.palette, state.guide)

    def _painted(self, key: Key) -> Frames:
        return self.base.paint(self.base.refine(key.latent, key.guide), key.palette)

    def _decode(self, key: Key) -> Frame:
        """Decode, unless this very picture was decoded last."""
        picture = self.state.picture
        if self._decoded is None or self._decoded[0] is not picture:
            self._decoded = (picture, self._painted(key)[0])
        # a copy, for who draws on it must not draw on its repetition.
        return self._decoded[1].copy()

    def _entry(
        self, latent: Array | None, embeds: Array, energy: float, options: FrameOptions
    ) -> Entry:
        """One frame's arguments, checked and brought home."""
        seed = options.get("seed")
        seed = self.base.inference_config.seed if seed is None else seed
        shape = self.get_latent_shape()
        if latent is None:
            latent = self._engine.noise(seed, 0, shape)
        embeds = embeds[None] if embeds.ndim == 2 else embeds
        _check_shape("latent", latent, shape)
        _check_shape("prompt_embeds", embeds, (1, *self.base.facts.embed_shape))
        context = options.get("context", UNTOLD)
        anchor = options.get("anchor")
        source = options.get("source")
        if anchor is not None:
            _check_shape("anchor", anchor, shape)
        if source is not None:
            _check_shape("source", source, shape)
        noise_scale = options.get("noise_scale")
        if noise_scale is None and self.noise_scale_func is not None:
            noise_scale = self.noise_scale_func(energy)
        return Entry(
            noise=self._home.float32(latent),
            embeds=self._home.float32(embeds),
            seed=seed,
            negative=self._negative_embeds(),
            energy=clamp_energy(energy),
            image=None if source is None else self._home.float32(source),
            camera=options.get("camera") or STILL,
            context=context.map(self._home.float32),
            strength=options.get("strength"),
            noise_scale=noise_scale,
            anchor=None if anchor is None else self._home.float32(anchor),
            anchor_weight=options.get("anchor_weight", 0.0),
            span=options.get("span", 1.0),
        )

    def _negative_embeds(self) -> Array | None:
        config = self.stream_config
        guidance = Guidance(config.guidance_mode, config.guidance_scale)
        if not guidance.asks_negative(0):
            return None
        if self._negative is None:
            self.set_negative_prompt("")
        return self._negative

    def _check_image(self, image: Frame) -> None:
        size = self.base.inference_config
        _check_shape("image", image, (size.height, size.width, 3))
        if image.dtype != np.uint8:
            raise InputError(f"the image must be uint8, not {image.dtype}.")


def _check_shape(name: str, array: Array, shape: tuple[int, ...]) -> None:
    if tuple(array.shape) != shape:
        raise InputError(f"{name} must have the shape {shape}, not {tuple(array.shape)}.")


def _unit_range(image: Frame) -> npt.NDArray[np.float32]:
    """uint8 (h w 3) -> (1 3 h w) in -1..1."""
    return (image.astype(np.float32) / 127.5 - 1.0).transpose(2, 0, 1)[None]
