"""The built-in model's three networks on ONNX Runtime: encoder, denoiser, decoder."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from phosphene.diffusion.lsd.feeds import AUDIO_SIZE, Told, feeds

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["AUDIO_SIZE", "LATENT_CHANNELS", "LATENT_FACTOR", "WEIGHTS", "LsdNets", "open_session"]

FloatArray = npt.NDArray[np.float32]
Frames = npt.NDArray[np.uint8]

WEIGHTS = Path(__file__).parent / "weights"
LATENT_CHANNELS = 8
LATENT_FACTOR = 8
LARGE = "decoder-large.onnx"
"""draws latents at 16 pixels a side instead of 8; a folder of networks may lack it"""
DEFAULT_HISTORY_NOISE = 0.0
"""what the model is told about its last output: trust it"""


class LsdNets:
    """Encode, denoise and decode NumPy batches. Sessions open on first use.

    Args:
        threads: cores per network call; None takes the physical cores, at most 4 (the networks are small).
        weights: folder with encoder.onnx, denoiser.onnx and decoder.onnx.
    """

    def __init__(self, threads: int | None = None, weights: Path = WEIGHTS) -> None:
        self._threads = threads if threads is not None else min(4, _physical_cores())
        self._weights = weights

    def encode(self, frames: Frames) -> FloatArray:
        """uint8 (b, h, w, 3) sRGB -> (b, 8, h/8, w/8), about unit variance; h, w multiples of 16."""
        (latents,) = self._encoder.run(None, {"frames": np.ascontiguousarray(frames)})
        return np.asarray(latents, np.float32)

    def denoise(
        self,
        latents: FloatArray,
        t: FloatArray,
        text: FloatArray,
        previous: FloatArray | None = None,
        history_noise: FloatArray | float = DEFAULT_HISTORY_NOISE,
        audio: FloatArray | None = None,
        *,
        before: FloatArray | None = None,
        memory: FloatArray | None = None,
        memory_age: FloatArray | None = None,
        source: FloatArray | None = None,
    ) -> FloatArray:
        """Velocity (noise minus picture) of a flow, x_t = (1 - t) x + t noise.

        Args:
            latents: (b, 8, h, w) at time t; h and w even.
            t: (b,) in [0, 1], 1 is pure noise.
            text: (b, seq, dim) of `TextEncoder`; zeros for no prompt.
            previous: (b, 8, h, w) last clean output of each stream, None at a start.
            history_noise: (b,) or one number in [0, 1]: how much to distrust `previous`;
                a larger value lets the picture change faster.
            audio: (b, 5) in [0, 1], see `AUDIO_SIZE`; None is silence.
            before: (b, 8, h, w) the output before `previous`.
            memory: (b, m, 8, h, w) outputs of long ago, and memory_age: (b, m) how many frames ago, 0
                for an empty slot.
            source: (b, 8, h, w) a picture to follow.

        A model without memory takes no notice of the last four; see :attr:`has_memory`.
        """
        told = Told(
            latents=latents,
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
        given = feeds(told, self._inputs)
        arrays = {name: np.ascontiguousarray(array) for name, array in given.items()}
        (velocity,) = self._denoiser.run(None, arrays)
        return np.asarray(velocity, np.float32)

    @property
    def has_memory(self) -> bool:
        """Whether the model looks at more of its past than its last output, and at the source picture."""
        return "memory" in self._inputs

    @cached_property
    def _inputs(self) -> frozenset[str]:
        return frozenset(entry.name for entry in self._denoiser.get_inputs())

    def decode(self, latents: FloatArray) -> Frames:
        """(b, 8, h, w) -> uint8 (b, 8h, 8w, 3) sRGB."""
        (frames,) = self._decoder.run(None, {"latent": np.ascontiguousarray(latents, np.float32)})
        return np.asarray(frames, np.uint8)

    @cached_property
    def has_large(self) -> bool:
        """Whether latents can be drawn at twice the usual size; see :meth:`decode_large`."""
        return (self._weights / LARGE).is_file()

    def decode_large(self, latents: FloatArray) -> Frames:
        """(b, 8, h, w) -> uint8 (b, 16h, 16w, 3) sRGB: the same picture with finer edges."""
        given = {"latent": np.ascontiguousarray(latents, np.float32)}
        (frames,) = self._large_decoder.run(None, given)
        return np.asarray(frames, np.uint8)

    @cached_property
    def _encoder(self) -> InferenceSession:
        return open_session(self._weights / "encoder.onnx", self._threads)

    @cached_property
    def _denoiser(self) -> InferenceSession:
        return open_session(self._weights / "denoiser.onnx", self._threads)

    @cached_property
    def _decoder(self) -> InferenceSession:
        return open_session(self._weights / "decoder.onnx", self._threads)

    @cached_property
    def _large_decoder(self) -> InferenceSession:
        return open_session(self._weights / LARGE, self._threads)


def open_session(path: Path, threads: int) -> InferenceSession:
    """A CPU session of one network."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # each network has threads of its own; left spinning they take the cores from the next network:
    # 19 instead of 59 frames a second on two cores
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _physical_cores() -> int:
    """Cores without hyper-threads where the system tells, else what this process may use."""
    usable = os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()
    usable = usable or 1
    try:
        pairs = {
            path.read_text()
            for path in Path("/sys/devices/system/cpu").glob(
                "cpu[0-9]*/topology/thread_siblings_list"
            )
        }
    except OSError:
        pairs = set()
    return max(1, min(usable, len(pairs) or usable))
