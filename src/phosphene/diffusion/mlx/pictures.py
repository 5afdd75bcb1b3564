"""Operations of ONNX on pictures (b c h w), computed by MLX; settings have ONNX's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import numpy as np

Value = Any
"""an array of NumPy or MLX"""
Ints = Sequence[int]


def ints(value: Value) -> list[int]:
    """The whole numbers of an array."""
    return [int(each) for each in np.array(value).reshape(-1)]


def kernel(weight: Value) -> mx.array:
    """(out in h w) -> (out h w in)."""
    return mx.contiguous(mx.array(weight).transpose(0, 2, 3, 1))


def conv(
    x: mx.array,
    weight: mx.array,
    bias: Value = None,
    pads: Ints = (0, 0, 0, 0),
    strides: tuple[int, int] = (1, 1),
    dilations: tuple[int, int] = (1, 1),
    group: int = 1,
    **_: Any,
) -> mx.array:
    """``weight`` as :func:`kernel` laid it out."""
    top, left, bottom, right = pads
    rows = x.transpose(0, 2, 3, 1)
    if (top, left) != (bottom, right):
        rows = mx.pad(rows, [(0, 0), (top, bottom), (left, right), (0, 0)])
        top = left = 0
    y = mx.conv2d(rows, weight, strides, (top, left), dilations, group)
    return (y if bias is None else y + mx.array(bias)).transpose(0, 3, 1, 2)


def instance_norm(x: mx.array, scale: Value, bias: Value, epsilon: float = 1e-5) -> mx.array:
    flat = mx.fast.layer_norm(x.reshape(*x.shape[:2], -1), None, None, epsilon)
    column = (-1, 1)
    flat = flat * mx.array(scale).reshape(column) + mx.array(bias).reshape(column)
    return flat.reshape(x.shape)


def average_pool(
    x: mx.array,
    kernel_shape: Ints,
    pads: Ints = (0, 0, 0, 0),
    strides: tuple[int, int] = (1, 1),
    count_include_pad: int = 0,
    **_: Any,
) -> mx.array:
    def sums(y: mx.array) -> mx.array:
        ones = mx.ones((y.shape[1], *kernel_shape, 1))
        return conv(y, ones, None, pads, strides, group=y.shape[1])

    whole = float(np.prod(kernel_shape))
    return sums(x) / (whole if count_include_pad else sums(mx.ones((1, 1, *x.shape[2:]))))


def resize(x: mx.array, _roi: Value, scales: Value, sizes: Value = None, **kind: Any) -> mx.array:
    """Nearest neighbours, counted from the first pixel."""
    usual = {
        "mode": "nearest",
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    }
    if any(kind.get(name, value) != value for name, value in usual.items()):
        raise ValueError(f"a resize of {kind}")
    for axis in (2, 3):
        old = x.shape[axis]
        new = int(old * float(np.array(scales)[axis])) if sizes is None else ints(sizes)[axis]
        x = mx.take(x, mx.array(np.arange(new) * old // new), axis=axis)
    return x


def depth_to_space(x: mx.array, blocksize: int, mode: str = "DCR") -> mx.array:
    (b, _, h, w), n = x.shape, blocksize
    if mode == "CRD":
        return x.reshape(b, -1, n, n, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(b, -1, h * n, w * n)
    return x.reshape(b, n, n, -1, h, w).transpose(0, 3, 4, 1, 5, 2).reshape(b, -1, h * n, w * n)


def grid_sample(x: mx.array, grid: Value, **kind: Any) -> mx.array:
    """Bilinear (b c h w) at (b H W 2), x and y in -1..1; beyond the edges, the edge."""
    if kind.get("padding_mode") != "border" or kind.get("mode") not in ("linear", "bilinear"):
        raise ValueError(f"a sampling of {kind}")
    (b, c, h, w), grid = x.shape, mx.array(grid)
    sides, step = mx.array([w, h], mx.float32), 1.0 if kind.get("align_corners") else 0.0
    at = ((grid + 1) * (sides - step) - (1 - step)) / 2
    at = mx.clip(at, 0, sides - 1)
    low = mx.minimum(mx.floor(at), mx.maximum(sides - 2, 0))
    share = (at - low).reshape(b, 1, -1, 2)
    corner = low.astype(mx.int32)
    after = mx.minimum(corner + 1, sides.astype(mx.int32) - 1)
    flat = x.reshape(b, c, h * w)

    def read(rows: mx.array, columns: mx.array) -> mx.array:
        index = (rows * w + columns).reshape(b, 1, -1)
        return mx.take_along_axis(flat, mx.broadcast_to(index, (b, c, index.shape[-1])), axis=2)

    across, down = share[..., 0], share[..., 1]
    (left, top), (right, bottom) = (corner[..., 0], corner[..., 1]), (after[..., 0], after[..., 1])
    upper = read(top, left) * (1 - across) + read(top, right) * across
    lower = read(bottom, left) * (1 - across) + read(bottom, right) * across
    return (upper * (1 - down) + lower * down).reshape(b, c, *grid.shape[1:3])


def softmax(x: mx.array, axis: int = -1) -> mx.array:
    return mx.softmax(x, axis=axis, precise=True)
