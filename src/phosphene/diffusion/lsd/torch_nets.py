"""The built-in model's three networks in torch, from the same files: for GPUs, where latents stay."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from phosphene.diffusion.graphs import Capture, Function, Graphed
from phosphene.diffusion.lsd.feeds import AUDIO_SIZE, quantise
from phosphene.diffusion.lsd.nets import DEFAULT_HISTORY_NOISE, LARGE, WEIGHTS, Frames
from phosphene.diffusion.lsd.torch_graph import TorchGraph
from phosphene.kernels.choose import PLAIN, Operations
from phosphene.namespaces import Array
from phosphene.transfer import download, upload


class LsdTorchNets:
    """As :class:`~phosphene.diffusion.lsd.nets.LsdNets`, with tensors on ``device``.

    On an NVIDIA GPU every network is one CUDA graph per shape. Numbers are float32 everywhere (matrix
    units may round convolutions to tf32): the last step divides by the timestep, which magnifies
    what half precision rounds off, and a network this small is waited for, not computed.

    Args:
        device: where.
        weights: folder with encoder.onnx, denoiser.onnx and decoder.onnx.
        operations: plain torch, or the kernels.
        capture: how graphs are recorded; None: CUDA's on CUDA, and plain calls elsewhere.
    """

    def __init__(
        self,
        device: torch.device,
        weights: Path = WEIGHTS,
        operations: Operations = PLAIN,
        capture: Capture | None = None,
    ) -> None:
        self._device = device
        self._weights = weights
        self._operations = operations
        self._capture = capture

    def encode(self, frames: Frames) -> Tensor:
        """uint8 (b, h, w, 3) sRGB -> (b, 8, h/8, w/8), about unit variance."""
        with torch.inference_mode():
            return self._encoder({"frames": upload(frames, self._device)})

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
    ) -> Tensor:
        """Velocity, as :meth:`LsdNets.denoise`; nothing is waited for."""
        with torch.inference_mode():
            x = self.tensor(latents)
            b = len(x)
            given = {
                "latent": x,
                "timestep": self.tensor(t).expand(b),
                "text": self.tensor(text).expand(b, -1, -1),
                "audio": x.new_zeros((b, AUDIO_SIZE))
                if audio is None
                else self.tensor(audio).expand(b, -1),
            }
            if self.has_memory:
                pictures = (previous, before if previous is not None else None)
                given |= _with_memory(x, [self._maybe(each) for each in pictures], history_noise)
                given |= _remembered(x, self._maybe(memory), self._maybe(memory_age))
                given |= _followed(x, self._maybe(source))
            else:
                given |= _with_previous(x, self._maybe(previous), history_noise)
            return self._denoiser(given)

    @property
    def has_memory(self) -> bool:
        """Whether the model looks at more of its past than its last output, and at the source picture."""
        return "memory" in self._denoiser_graph.inputs

    def decode(self, latents: Array) -> Frames:
        """(b, 8, h, w) -> uint8 (b, 8h, 8w, 3) sRGB; waits for this picture only."""
        with torch.inference_mode():
            return download(self._decoder({"latent": self.tensor(latents)})).result()

    @cached_property
    def has_large(self) -> bool:
        """Whether latents can be drawn at twice the usual size; see :meth:`decode_large`."""
        return (self._weights / LARGE).is_file()

    def decode_large(self, latents: Array) -> Frames:
        """(b, 8, h, w) -> uint8 (b, 16h, 16w, 3) sRGB: the same picture with finer edges."""
        with torch.inference_mode():
            return download(self._large_decoder({"latent": self.tensor(latents)})).result()

    def tensor(self, array: Array) -> Tensor:
        """Any array as float32 on the device."""
        if isinstance(array, Tensor):
            return array.to(self._device, torch.float32)
        return upload(np.asarray(array, np.float32), self._device)

    def _maybe(self, array: Array | None) -> Tensor | None:
        return None if array is None else self.tensor(array)

    @cached_property
    def _denoiser_graph(self) -> TorchGraph:
        return self._graph("denoiser.onnx")

    @cached_property
    def _denoiser(self) -> Function:
        return self._graphed(self._denoiser_graph)

    @cached_property
    def _encoder(self) -> Function:
        return self._graphed(self._graph("encoder.onnx"))

    @cached_property
    def _decoder(self) -> Function:
        return self._graphed(self._graph("decoder.onnx"))

    @cached_property
    def _large_decoder(self) -> Function:
        return self._graphed(self._graph(LARGE))

    def _graph(self, name: str) -> TorchGraph:
        return TorchGraph(self._weights / name, self._device, self._operations)

    def _graphed(self, graph: TorchGraph) -> Function:
        if self._device.type != "cuda" and self._capture is None:
            return graph
        return Graphed(graph, str(graph.path), self._capture)


def _with_previous(x: Tensor, previous: Tensor | None, noise: float) -> dict[str, Tensor]:
    """The first kind of model: it sees its last output, nothing older."""
    return {
        "previous": torch.zeros_like(x) if previous is None else previous,
        "has_previous": x.new_full((len(x),), float(previous is not None)),
        "history_noise": x.new_full((len(x),), noise),
    }


def _with_memory(x: Tensor, pictures: list[Tensor | None], noise: float) -> dict[str, Tensor]:
    """The present model: its two last outputs."""
    b = len(x)
    history = [torch.zeros_like(x) if each is None else quantise(each) for each in pictures]
    has = [x.new_full((b,), float(each is not None)) for each in pictures]
    return {
        "history": torch.stack(history, dim=1),
        "has_history": torch.stack(has, dim=1),
        "history_level": x.new_full((b,), noise),
    }


def _remembered(x: Tensor, memory: Tensor | None, age: Tensor | None) -> dict[str, Tensor]:
    memory = torch.zeros_like(x)[:, None] if memory is None else memory
    return {
        "memory": memory,
        "memory_age": memory.new_zeros(memory.shape[:2]) if age is None else age,
    }


def _followed(x: Tensor, source: Tensor | None) -> dict[str, Tensor]:
    return {
        "source": torch.zeros_like(x) if source is None else source,
        "has_source": x.new_full((len(x),), float(source is not None)),
    }
