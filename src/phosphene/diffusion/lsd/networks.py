"""What the built-in model's networks can do, on whatever library they run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phosphene.diffusion.lsd.feeds import Feeds, Told, feeds
from phosphene.namespaces import Array

Frames = npt.NDArray[np.uint8]

SHARPENER = "sharpener.onnx"
"""draws fields at four times their size; models of before fields lack it"""

LARGE = "decoder-large.onnx"
"""draws latents at 16 pixels a side instead of 8; a folder of networks may lack it"""


class Networks(ABC):
    """Encoder, denoiser, decoder and large decoder of a folder of .onnx files. They open on first use.

    Arrays are of any library when they come in, float32 of the networks' own when they go out.
    """

    def __init__(self, weights: Path) -> None:
        self._weights = weights

    @abstractmethod
    def tensor(self, array: Array) -> Array:
        """Any array as float32, where the networks want it."""

    @abstractmethod
    def encode(self, frames: Frames) -> Array:
        """uint8 (b, h, w, 3) sRGB -> (b, 8, h/8, w/8), about unit variance; h, w multiples of 16."""

    @abstractmethod
    def decode(self, latents: Array) -> Frames:
        """(b, 8, h, w) -> uint8 (b, 8h, 8w, 3) sRGB; waits for this picture only."""

    @abstractmethod
    def decode_large(self, latents: Array) -> Frames:
        """(b, 8, h, w) -> uint8 (b, 16h, 16w, 3) sRGB: the same picture with finer edges."""

    @property
    @abstractmethod
    def _inputs(self) -> frozenset[str]:
        """Names of what the denoiser takes."""

    @abstractmethod
    def _predict(self, given: Feeds) -> Array:
        """One call of the denoiser -> (b, 8, h, w)."""

    @abstractmethod
    def sharpen(self, fields: Array) -> Array:
        """Fields (b, 2, h, w) in [-1, 1] -> (b, 2, 4h, 4w): thin lines and clean edges put back."""

    @cached_property
    def reach(self) -> float:
        """Latents lie in [-reach, reach]: fields do in [-1, 1], the autoencoder's, N(0, 1), but for a few."""
        return 1.0 if (self._weights / SHARPENER).is_file() else 4.5

    @property
    def has_memory(self) -> bool:
        """Whether the model looks at more of its past than its last output, and at the source picture."""
        return "memory" in self._inputs

    @cached_property
    def has_large(self) -> bool:
        """Whether latents can be drawn at twice the usual size; see :meth:`decode_large`."""
        return (self._weights / LARGE).is_file()

    def denoise(
        self,
        latents: Array,
        t: Array,
        text: Array,
        previous: Array | None = None,
        history_noise: float = 0.0,
        audio: Array | None = None,
        *,
        before: Array | None = None,
        memory: Array | None = None,
        memory_age: Array | None = None,
        source: Array | None = None,
    ) -> Array:
        """Velocity (noise minus picture) of a flow, x_t = (1 - t) x + t noise; a GPU is not waited for.

        Args:
            latents: (b, 8, h, w) at time t; h and w even.
            t: (b,) in [0, 1], 1 is pure noise.
            text: (b, seq, dim) of `TextEncoder`; zeros for no prompt.
            previous: (b, 8, h, w) last clean output of each stream, None at a start.
            history_noise: in [0, 1]: how much to distrust `previous`: with 0 it is trusted, a larger
                value lets the picture change faster.
            audio: (b, 5) in [0, 1], see `AUDIO_SIZE`; None is silence.
            before: (b, 8, h, w) the output before `previous`.
            memory: (b, m, 8, h, w) outputs of long ago, and memory_age: (b, m) how many frames ago, 0
                for an empty slot.
            source: (b, 8, h, w) a picture to follow.

        A batch of one for t, text and audio serves all. A model without memory takes no notice of the
        last four; see :attr:`has_memory`.
        """
        told = Told(
            latents=self.tensor(latents),
            t=t,
            text=text,
            history_noise=history_noise,
            audio=audio,
            previous=previous,
            before=before,
            memory=memory,
            memory_age=memory_age,
            source=source,
        )
        return self._predict(feeds(told, self._inputs, self.reach))
