"""What the built-in model's networks can do, on whatever library they run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from phosphene.diffusion.lsd.feeds import Feeds, NetworkInputs, feeds
from phosphene.namespaces import Array

DENOISER, SHARPENER = "denoiser.onnx", "sharpener.onnx"


class Networks(ABC):
    """Denoiser and sharpener of a folder of .onnx files. They open on first use.

    Arrays are of any library when they come in, float32 of the networks' own when they go out.
    """

    def __init__(self, weights: Path) -> None:
        self._weights = weights

    @abstractmethod
    def tensor(self, array: Array) -> Array:
        """Any array as float32, where the networks want it."""

    @abstractmethod
    def _predict(self, given: Feeds) -> Array:
        """One call of the denoiser -> (b, 2, h, w)."""

    @abstractmethod
    def sharpen(self, fields: Array) -> Array:
        """Fields (b, 2, h, w) in [-1, 1] -> (b, 2, 4h, 4w): thin lines and clean edges put back."""

    def denoise(
        self,
        latents: Array,
        t: Array,
        text: Array,
        previous: Array | None = None,
        history_noise: float | Array = 0.0,
        audio: Array | None = None,
        *,
        before: Array | None = None,
        memory: Array | None = None,
        memory_age: Array | None = None,
        source: Array | None = None,
        plan: Array | None = None,
    ) -> Array:
        """Velocity (noise minus field) of a flow, x_t = (1 - t) x + t noise; a GPU is not waited for.

        Args:
            latents: (b, 2, h, w) at time t; h and w multiples of 8.
            t: (b,) in [0, 1], 1 is pure noise.
            text: (b, seq, dim) of `TextEncoder`; zeros for no prompt.
            previous: (b, 2, h, w) last clean output of each stream, None at a start.
            history_noise: in [0, 1], one number or (b,): how much to distrust `previous`: with 0 it is
                trusted, a larger value lets the picture change faster.
            audio: (b, 5) in [0, 1], see `AUDIO_SIZE`; None is silence.
            before: (b, 2, h, w) the output before `previous`.
            memory: (b, m, 2, h, w) outputs of long ago, and memory_age: (b, m) how many frames ago, 0
                for an empty slot.
            source: (b, 2, h, w) a picture to follow.
            plan: (b, PLAN_SIZE) normal numbers, for pictures from nothing: what they are in the large. The
                same in all steps of one picture.

        A batch of one for t, text and audio serves all.
        """
        told = NetworkInputs(
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
            plan=plan,
        )
        return self._predict(feeds(told))
