"""The built-in model's networks on MLX, from the same files."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import mlx.core as mx

from phosphene.diffusion.lsd.feeds import Feeds
from phosphene.diffusion.lsd.nets import WEIGHTS
from phosphene.diffusion.lsd.networks import DENOISER, SHARPENER, Networks
from phosphene.diffusion.lsd.pipeline import LSDPipeline
from phosphene.diffusion.mlx.graph import Graph
from phosphene.namespaces import Array
from phosphene.stream.arrays import Home


class LsdMlxNets(Networks):
    """As :class:`~phosphene.diffusion.lsd.nets.LsdNets`, with MLX arrays.

    On a Mac this leaves the processor's cores to the sound, the page and the encoder of the video;
    nothing goes back and forth between frames but the finished picture.
    """

    def __init__(self, weights: Path = WEIGHTS) -> None:
        super().__init__(weights)
        self._home = Home.of(mx.zeros(1))

    def _predict(self, given: Feeds) -> mx.array:
        # not computed yet
        (velocity,) = self._denoiser(given)
        return velocity

    def sharpen(self, fields: Array) -> mx.array:
        (fine,) = self._sharpener({"field": self.tensor(fields)})
        return fine

    def tensor(self, array: Array) -> mx.array:
        """Any array as float32."""
        at_home: mx.array = self._home.float32(array)
        return at_home

    @cached_property
    def _sharpener(self) -> Graph:
        return Graph(self._weights / SHARPENER)

    @cached_property
    def _denoiser(self) -> Graph:
        return Graph(self._weights / DENOISER)


class MlxLSDPipeline(LSDPipeline):
    """:class:`~phosphene.diffusion.lsd.pipeline.LSDPipeline` with its networks on MLX."""

    def _open_nets(self, weights: Path) -> Networks:
        return LsdMlxNets(weights)
