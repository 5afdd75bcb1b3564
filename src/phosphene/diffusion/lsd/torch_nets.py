"""The built-in model's networks in torch, from the same files: for GPUs, where latents stay."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from phosphene.diffusion.graphs import Capture, Function, Graphed
from phosphene.diffusion.lsd.feeds import Feeds
from phosphene.diffusion.lsd.modules.lsd import INPUTS
from phosphene.diffusion.lsd.modules.read import read_lsd, read_sharpener
from phosphene.diffusion.lsd.nets import WEIGHTS
from phosphene.diffusion.lsd.networks import DENOISER, SHARPENER, Networks
from phosphene.kernels.choose import PLAIN, Operations
from phosphene.namespaces import Array
from phosphene.transfer import upload


class LsdTorchNets(Networks):
    """As :class:`~phosphene.diffusion.lsd.nets.LsdNets`, with tensors on ``device``.

    On an NVIDIA GPU every network is one CUDA graph per shape. Numbers are float32 everywhere (matrix
    units may round convolutions to tf32): the last step divides by the timestep, which magnifies
    what half precision rounds off, and a network this small is waited for, not computed.

    Args:
        device: where.
        weights: folder with denoiser.onnx and sharpener.onnx.
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
        super().__init__(weights)
        self._device = device
        self._operations = operations
        self._capture = capture

    def _predict(self, given: Feeds) -> Tensor:
        with torch.inference_mode():
            return self._denoiser(given)

    def sharpen(self, fields: Array) -> Tensor:
        with torch.inference_mode():
            return self._sharpener({"field": self.tensor(fields)})

    def tensor(self, array: Array) -> Tensor:
        """Any array as float32 on the device."""
        if isinstance(array, Tensor):
            return array.to(self._device, torch.float32)
        return upload(np.asarray(array, np.float32), self._device)

    @cached_property
    def _denoiser(self) -> Function:
        net = read_lsd(self._weights / DENOISER).to(self._device)
        net.block.use(self._operations.norm_silu_film)
        return self._graphed(lambda told: net(*(told[name] for name in INPUTS)), DENOISER)

    @cached_property
    def _sharpener(self) -> Function:
        net = read_sharpener(self._weights / SHARPENER).to(self._device)
        return self._graphed(lambda told: net(told["field"]), SHARPENER)

    def _graphed(self, function: Function, name: str) -> Function:
        if self._device.type != "cuda" and self._capture is None:
            return function
        return Graphed(function, str(self._weights / name), self._capture)
