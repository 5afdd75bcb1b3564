"""The built-in model's three networks on MLX, from the same files."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import mlx.core as mx
import numpy as np
import numpy.typing as npt

from phosphene.diffusion.lsd.feeds import Told, feeds
from phosphene.diffusion.lsd.nets import DEFAULT_HISTORY_NOISE, LARGE, WEIGHTS
from phosphene.diffusion.mlx.graph import Graph
from phosphene.namespaces import Array
from phosphene.stream.arrays import Home

Frames = npt.NDArray[np.uint8]


class LsdMlxNets:
    """As :class:`~phosphene.diffusion.lsd.nets.LsdNets`, with MLX arrays.

    On a Mac this leaves the processor's cores to the sound, the page and the encoder of the video;
    nothing goes back and forth between frames but the finished picture.
    """

    def __init__(self, weights: Path = WEIGHTS) -> None:
        self._weights = weights
        self._home = Home.of(mx.zeros(1))

    def encode(self, frames: Frames) -> mx.array:
        """uint8 (b, h, w, 3) sRGB -> (b, 8, h/8, w/8), about unit variance."""
        (latents,) = self._encoder({"frames": mx.array(np.ascontiguousarray(frames))})
        mx.eval(latents)
        return latents

    def denoise(
        self,
        latents: Array,
        t: Array,
        text: Array,
        previous: Array | None = None,
        history_noise: float = DEFAULT_HISTORY_NOISE,
        audio: Array | None = None,
        *,
        before: Array | None = None,
        memory: Array | None = None,
        memory_age: Array | None = None,
        source: Array | None = None,
    ) -> mx.array:
        """Velocity, as :meth:`LsdNets.denoise`; not computed yet."""
        told = Told(
            latents=self.tensor(latents),
            t=self.tensor(t),
            text=self.tensor(text),
            history_noise=history_noise,
            audio=audio,
            previous=previous,
            before=before,
            memory=memory,
            memory_age=memory_age,
            source=source,
        )
        (velocity,) = self._denoiser(feeds(told, frozenset(self._denoiser.inputs)))
        return velocity

    @property
    def has_memory(self) -> bool:
        """Whether the model looks at more of its past than its last output, and at the source picture."""
        return "memory" in self._denoiser.inputs

    def decode(self, latents: Array) -> Frames:
        """(b, 8, h, w) -> uint8 (b, 8h, 8w, 3) sRGB."""
        (frames,) = self._decoder({"latent": self.tensor(latents)})
        return np.array(frames)

    @cached_property
    def has_large(self) -> bool:
        """Whether latents can be drawn at twice the usual size; see :meth:`decode_large`."""
        return (self._weights / LARGE).is_file()

    def decode_large(self, latents: Array) -> Frames:
        """(b, 8, h, w) -> uint8 (b, 16h, 16w, 3) sRGB: the same picture with finer edges."""
        (frames,) = self._large_decoder({"latent": self.tensor(latents)})
        return np.array(frames)

    def tensor(self, array: Array) -> mx.array:
        """Any array as float32."""
        at_home: mx.array = self._home.float32(array)
        return at_home

    @cached_property
    def _encoder(self) -> Graph:
        return Graph(self._weights / "encoder.onnx")

    @cached_property
    def _denoiser(self) -> Graph:
        return Graph(self._weights / "denoiser.onnx")

    @cached_property
    def _decoder(self) -> Graph:
        return Graph(self._weights / "decoder.onnx")

    @cached_property
    def _large_decoder(self) -> Graph:
        return Graph(self._weights / LARGE)
