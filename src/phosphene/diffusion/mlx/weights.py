"""Weights of one network: read from published files, laid out for MLX."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import mlx.core as mx

from phosphene.diffusion.checkpoints.source import read_header
from phosphene.diffusion.mlx.layers import Layer
from phosphene.diffusion.mlx.tree import QUANTIZED_WEIGHTS

TEXT_PREFIX = "text_model."
"""of a text encoder's names; the files of some versions of transformers do without"""


def read(files: Iterable[Path], dtype: mx.Dtype) -> Layer:
    """All tensors of ``files`` in ``dtype``; packed matrices stay packed. Raises ModelError."""
    weights: dict[str, mx.array] = {}
    for file in files:
        # MLX would map a file that was cut short, and fail only when it comes to the missing part
        read_header(file)
        held = mx.load(str(file))
        assert isinstance(held, dict)
        ready = file.name == QUANTIZED_WEIGHTS
        for name, array in held.items():
            kept = array if ready else lay_out(array)
            floats = mx.issubdtype(kept.dtype, mx.floating)
            weights[name.removeprefix(TEXT_PREFIX)] = kept.astype(dtype) if floats else kept
    mx.eval(weights)
    return Layer(weights)


def lay_out(array: mx.array) -> mx.array:
    """A kernel (out in h w) as MLX wants it, (out h w in), or as a matrix where it is 1 x 1."""
    if array.ndim != 4:
        return array
    if array.shape[2:] == (1, 1):
        return array.reshape(array.shape[:2])
    return mx.contiguous(array.transpose(0, 2, 3, 1))
