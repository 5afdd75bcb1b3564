"""The sibling contract: models that draw chunks of a video, each hanging on a cache of those before."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from phosphene.diffusion.base import Array, BasePipeline, Frames

Change = Literal["morph", "recache", "cut"]
"""how one prompt becomes another: over some chunks; at once, the picture going on; from nothing"""
ChunkState = Any
"""what a stream remembers, the model's own type: nothing else decides what comes next. Its ``embeds``
(1 seq hidden) are the prompt that it is told, or on its way to"""


@dataclass(frozen=True)
class ChunkOptions:
    """How a chunk is drawn, and at what price; what is None is the model's own."""

    steps: int | None = None
    """denoising steps"""
    frames: int | None = None
    """latent frames"""
    decoder: str | None = None
    """by name"""
    stream_batch: bool = False
    """over a video: all steps of consecutive latents share each call, which shows them later"""


PLAIN = ChunkOptions()


class ChunkPipeline(BasePipeline):
    """A causal video model: it draws what comes next in a stream, several pictures a call.

    To the loop a latent of such a model is a picture, (1 3 h w): decoding hangs on what was decoded
    before, and is part of the call. Arrays are NumPy's.
    """

    @abstractmethod
    def open(self, embeds: Array, seed: int, first: Frames | None = None) -> ChunkState:
        """A stream that is told ``embeds`` (1 seq hidden), of the configured size.

        It begins with the picture ``first`` (1 h w 3) where there is one; that is not given out again.
        """

    @abstractmethod
    def pictures(self, state: ChunkState, options: ChunkOptions = PLAIN) -> int:
        """How many pictures the next :meth:`generate` gives, and takes where it draws over some."""

    @abstractmethod
    def generate(
        self,
        state: ChunkState,
        source: Frames | None = None,
        strength: float = 1.0,
        options: ChunkOptions = PLAIN,
    ) -> Frames:
        """The next pictures (n h w 3); ``state`` is what is remembered after them.

        Over ``source`` (n h w 3), as many as :meth:`pictures` says, of ``strength`` 0 they are kept and of 1
        ignored. In a stream batch nothing comes out (n = 0) until it has filled. Raises InputError.
        """

    @abstractmethod
    def change(self, state: ChunkState, embeds: Array, how: Change, chunks: int = 4) -> None:
        """Tell the stream another prompt (1 seq hidden), from its next picture on.

        ``chunks`` is how long a morph takes. A prompt that it is told already changes nothing.
        """

    @abstractmethod
    def close(self, state: ChunkState) -> None:
        """Let go of what a stream holds; it cannot go on."""

    @abstractmethod
    def dump(self, state: ChunkState) -> bytes:
        """A stream, exactly, for :meth:`restore`."""

    @abstractmethod
    def restore(self, data: bytes) -> ChunkState:
        """The stream that was dumped. Raises InputError for anything else."""

    def get_latent_shape(self, batch: int = 1) -> tuple[int, int, int, int]:
        """(batch, 3, height, width) of pictures."""
        size = self.inference_config
        return batch, 3, size.height, size.width

    def asarray(self, array: Array) -> Array:
        """NumPy's, in float32."""
        return np.asarray(array, np.float32)

    def as_model_dtype(self, array: Array) -> Array:
        """As it is: finished pictures are bytes."""
        return array

    def encode_image(self, frames: Frames) -> Array:
        """Pictures (n h w 3) -> themselves, (n 3 h w) in -1..1: a chunk's are encoded together."""
        return as_planes(frames)

    def decode(self, latents: Array, palettes: Array | None = None) -> Frames:
        """(n 3 h w), finished bytes or -1..1 -> pictures (n h w 3)."""
        return as_frames(latents)


def as_planes(frames: Frames) -> Array:
    """uint8 (n h w 3) -> float32 (n 3 h w) in -1..1."""
    return frames.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1.0


def as_frames(planes: Array) -> Frames:
    """The other way round; bytes stay."""
    if planes.dtype != np.uint8:
        planes = np.rint((np.clip(planes, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def joined(frames: Sequence[Frames], like: tuple[int, int]) -> Frames:
    """Pictures in order; of the size ``like`` (height, width) where there are none."""
    return np.concatenate(frames) if frames else np.empty((0, *like, 3), np.uint8)
