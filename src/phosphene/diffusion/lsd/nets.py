"""The built-in model's three networks on ONNX Runtime: encoder, denoiser, decoder."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FloatArray = npt.NDArray[np.float32]
Frames = npt.NDArray[np.uint8]

WEIGHTS = Path(__file__).parent / "weights"
LATENT_CHANNELS = 8
LATENT_FACTOR = 8
AUDIO_SIZE = 5
"""bass, mid, treble, onset, beat phase"""
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
    ) -> FloatArray:
        """Velocity (noise minus picture) of a flow, x_t = (1 - t) x + t noise.

        Args:
            latents: (b, 8, h, w) at time t; h and w even.
            t: (b,) in [0, 1], 1 is pure noise.
            text: (b, seq, dim) of `TextEncoder`; zeros for no prompt.
            previous: (b, 8, h, w) last clean output of each stream, None at a start.
            history_noise: (b,) or one number in [0, 0.5]: how much to distrust `previous`;
                a larger value lets the picture change faster.
            audio: (b, 5) in [0, 1], see `AUDIO_SIZE`; None is silence.
        """
        b = latents.shape[0]
        feeds = {
            "latent": latents,
            "timestep": np.broadcast_to(t, (b,)),
            "text": text,
            "previous": np.zeros_like(latents) if previous is None else previous,
            "has_previous": np.full((b,), 0.0 if previous is None else 1.0),
            "history_noise": np.broadcast_to(history_noise, (b,)),
            "audio": np.zeros((b, AUDIO_SIZE)) if audio is None else audio,
        }
        feeds = {name: np.ascontiguousarray(value, np.float32) for name, value in feeds.items()}
        (velocity,) = self._denoiser.run(None, feeds)
        return np.asarray(velocity, np.float32)

    def decode(self, latents: FloatArray) -> Frames:
        """(b, 8, h, w) -> uint8 (b, 8h, 8w, 3) sRGB."""
        (frames,) = self._decoder.run(None, {"latent": np.ascontiguousarray(latents, np.float32)})
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
