"""Latent walks that move with the music."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from phosphene.arrays import Array, OnDemand, place
from phosphene.audio.moment import frame_features
from phosphene.audio.types import AudioFeatures
from phosphene.config import LatentConfig
from phosphene.latent import walks
from phosphene.latent.walk import Place, WalkState, advance
from phosphene.stream.noise import gaussian

Shape = tuple[int, int, int, int]


class LatentGenerator:
    """Starting noise for every frame: a beat-locked walk.

    Args:
        config: path, step length, drift.
        device: where latents are put; matters for torch only.
        dtype: one of torch or MLX gives arrays of theirs, ``None`` or one of NumPy NumPy arrays.
        seed: seed of the noise the walk is stretched over.
    """

    def __init__(
        self, config: LatentConfig, device: str = "cpu", dtype: Any = None, seed: int = 0
    ) -> None:
        self.config = config
        self.device = device
        self.dtype = dtype
        self.seed = seed
        self._shape: Shape | None = None
        # the fade between two scenes needs the axes of both, and no more
        self._axes = lru_cache(maxsize=2)(self._draw_axes)
        # of the song that was asked for last, the frame that was, and the walk there
        self._last: tuple[AudioFeatures, int, WalkState] | None = None

    def generate_latent_walk(
        self, audio_features: AudioFeatures, latent_shape: Shape, precompute: bool = True
    ) -> Array:
        """The walk of a whole song.

        Returns (num_frames, c, h, w) at once, or with ``precompute=False`` a sequence that computes each
        (1, c, h, w) when asked, in constant memory. Both give the same numbers.
        """
        self._use_shape(latent_shape)
        if not precompute:
            return OnDemand(
                audio_features.num_frames,
                lambda frame: self.get_latent_at_frame(frame, audio_features),
            )
        frames = range(audio_features.num_frames)
        points = [self._point(frame, audio_features) for frame in frames]
        return place(np.stack(points), self.device, self.dtype)

    def get_latent_at_frame(
        self, frame: int, features: AudioFeatures, latent_shape: Shape | None = None
    ) -> Array:
        """Latent (1, c, h, w) of one frame; the shape is remembered from the first call that gave it."""
        if latent_shape is not None:
            self._use_shape(latent_shape)
        return place(self._point(frame, features)[None], self.device, self.dtype)

    def get_latent_at_place(self, here: Place, frame: int, latent_shape: Shape) -> Array:
        """Latent (1, c, h, w) wherever a walk is; ``frame`` counts the noise that is new in every frame."""
        self._use_shape(latent_shape)
        return place(self._at(here, frame)[None], self.device, self.dtype)

    def _use_shape(self, shape: Shape) -> None:
        if self._shape is None or tuple(shape[1:]) != self._shape[1:]:
            self._shape = (1, shape[1], shape[2], shape[3])
            self._axes.cache_clear()

    def _point(self, frame: int, features: AudioFeatures) -> walks.FloatArray:
        return self._at(self._walk_to(frame, features).place, frame)

    def _walk_to(self, frame: int, features: AudioFeatures) -> WalkState:
        """The walk through a song at ``frame``; frames in order go on from the last one."""
        state, begin = WalkState(), 0
        if self._last is not None and self._last[0] is features and self._last[1] <= frame:
            _, last, state = self._last
            begin = last + 1
        for index in range(begin, frame + 1):
            heard = frame_features(features, index)
            state = advance(state, heard, 1.0 / features.fps, self.config)
        self._last = features, frame, state
        return state

    def _at(self, here: Place, frame: int) -> walks.FloatArray:
        walked = self._walked(here)
        if not self.config.fresh:
            return walked
        new = gaussian(self.seed, frame, FRESH_SLOT, walked.shape)
        return walks.blend(walked, new, self.config.fresh)

    def _walked(self, here: Place) -> walks.FloatArray:
        new = self._on_path(here.scene, here)
        if here.scene == 0 or here.arrival >= 1.0:
            return new
        return walks.crossfade(self._on_path(here.scene - 1, here), new, here.arrival)

    def _on_path(self, scene: int, here: Place) -> walks.FloatArray:
        axes = self._axes(self.seed, scene)
        if self.config.walk == "spiral":
            return walks.spiral(axes, here.angle, here.tilt)
        return walks.circle(axes, here.angle)

    def _draw_axes(self, seed: int, scene: int) -> walks.FloatArray:
        if self._shape is None:
            raise ValueError("give latent_shape on the first call of get_latent_at_frame")
        return gaussian(seed, scene, WALK_SLOT, (3, *self._shape[1:]))


# noise streams of one seed are told apart by slot; the engine counts its own up from 0
WALK_SLOT = 2**16
FRESH_SLOT = WALK_SLOT + 1
