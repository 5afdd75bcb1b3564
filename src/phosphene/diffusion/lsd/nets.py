"""The built-in model's networks on ONNX Runtime: denoiser and sharpener."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from phosphene.diffusion.intel import OpenvinoNet
from phosphene.diffusion.lsd.feeds import Feeds
from phosphene.diffusion.lsd.networks import DENOISER, SHARPENER, Networks
from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.stream.arrays import Array, to_numpy

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


FloatArray = npt.NDArray[np.float32]

WEIGHTS = Path(__file__).parent / "weights"
Sizes = tuple[tuple[str, int], ...]
"""of a network's free dimensions"""
SESSIONS = 6
"""of the denoiser, each for one shape of latent: coordinates and a third of the operations are folded away"""
SIDE = 64
"""of a square picture's latent"""


class LsdNets(Networks):
    """The networks on NumPy batches.

    Args:
        threads: cores per network call; None takes half of the physical cores, see `usual_threads`.
        weights: folder with denoiser.onnx and sharpener.onnx.
    """

    def __init__(self, threads: int | None = None, weights: Path = WEIGHTS) -> None:
        super().__init__(weights)
        self._threads = usual_threads() if threads is None else threads

    def tensor(self, array: Array) -> FloatArray:
        """Any array as contiguous float32 on the host."""
        return np.ascontiguousarray(to_numpy(array))

    def _predict(self, given: Feeds) -> FloatArray:
        arrays = {name: np.ascontiguousarray(array) for name, array in given.items()}
        (velocity,) = self._denoiser(_sizes(arrays)).run(None, arrays)
        return np.asarray(velocity, np.float32)

    def sharpen(self, fields: Array) -> FloatArray:
        (fine,) = self._sharpener.run(None, {"field": self.tensor(fields)})
        return np.asarray(fine, np.float32)

    def rehearse(self) -> None:
        """One frame's calls, for nothing."""
        fields = np.zeros((1, 2, SIDE, SIDE), np.float32)
        text = TextEncoder(self._weights / "text.npz").encode("")[None, None]
        self.sharpen(self.denoise(fields, np.ones(1, np.float32), text))

    @cached_property
    def _sharpener(self) -> InferenceSession:
        return open_session(self._weights / SHARPENER, self._threads)

    @cached_property
    def _denoiser(self) -> Callable[[Sizes], InferenceSession]:
        path = self._weights / DENOISER
        return lru_cache(SESSIONS)(lambda sizes: open_session(path, self._threads, sizes))


class LsdOpenvinoNets(LsdNets):
    """The same networks on OpenVINO. Raises RuntimeError where it cannot be."""

    def __init__(self, device: str, threads: int | None = None, weights: Path = WEIGHTS) -> None:
        super().__init__(threads, weights)
        self._fast_denoiser, self._fast_sharpener = (
            OpenvinoNet(weights / name, device, self._threads) for name in (DENOISER, SHARPENER)
        )

    def _predict(self, given: Feeds) -> FloatArray:
        arrays = {name: np.ascontiguousarray(array) for name, array in given.items()}
        return np.array(self._fast_denoiser(arrays)[0], np.float32)

    def sharpen(self, fields: Array) -> FloatArray:
        return np.array(self._fast_sharpener({"field": self.tensor(fields)})[0], np.float32)


def _sizes(arrays: dict[str, FloatArray]) -> Sizes:
    """The denoiser's free dimensions, see `training.export`."""
    batch, _, height, width = arrays["latent"].shape
    tokens, slots = arrays["text"].shape[1], arrays["memory"].shape[1]
    return (
        ("batch", batch), ("height", height), ("width", width), ("slots", slots), ("tokens", tokens),
    )  # fmt: skip


def open_session(path: Path, threads: int, sizes: Sizes = ()) -> InferenceSession:
    """A CPU session of one network. What follows from ``sizes`` alone is computed once, here."""
    import onnxruntime as ort

    # of what the switch in phosphene.quiet might leave on
    ort.disable_telemetry_events()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    for name, size in sizes:
        options.add_free_dimension_override_by_name(name, size)
    # each network has threads of its own; left spinning they take the cores from the next network:
    # 19 instead of 59 frames a second on two cores
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def usual_threads() -> int:
    """Half of the physical cores, at most 4: cores without hyper-threads where the system tells.

    A show draws one frame while it finishes another, and the networks are too small to share well: of two
    cores, one each gives 40 frames a second where both together gave 30.
    """
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
    return max(1, min(4, min(usable, len(pairs) or usable) // 2))
