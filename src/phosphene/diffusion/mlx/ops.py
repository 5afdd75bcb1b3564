"""The operations of ONNX that the project's own networks are made of (opset 18).

Each takes arrays of NumPy, for shapes, or of MLX. Pictures are (b c h w), as in the files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np

from phosphene.diffusion.mlx import pictures
from phosphene.diffusion.mlx.pictures import Ints, Value, ints

TYPES: dict[int, Any] = {
    1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16,
}  # fmt: skip
"""ONNX's numbers for number formats"""


def _xp(*values: Value) -> Any:
    return mx if any(isinstance(value, mx.array) for value in values) else np


def _on_mlx(function: Callable[..., mx.array]) -> Callable[..., mx.array]:
    """The function, for a first argument that may still be on the host."""

    def run(x: Value, *rest: Value, **settings: Any) -> mx.array:
        return function(mx.array(x) if isinstance(x, np.ndarray) else x, *rest, **settings)

    return run


def _same(name: str) -> Callable[..., Value]:
    """A function that NumPy and MLX call the same."""

    def run(*values: Value) -> Value:
        xp = _xp(*values)
        if xp is mx:
            values = tuple(mx.array(v) if isinstance(v, np.ndarray) else v for v in values)
        return getattr(xp, name)(*values)

    return run


def _divide(a: Value, b: Value) -> Value:
    if _xp(a, b) is np and np.issubdtype(a.dtype, np.integer):
        # towards zero; sizes are never negative
        return np.asarray(a // b)
    return _same("divide")(a, b)


def _cast(x: Value, to: int) -> Value:
    kind = TYPES[to]
    return x.astype(getattr(mx, np.dtype(kind).name)) if _xp(x) is mx else x.astype(kind)


def _reshape(x: Value, shape: Value, allowzero: int = 0) -> Value:
    wanted = ints(shape)
    if not allowzero:
        wanted = [x.shape[i] if side == 0 else side for i, side in enumerate(wanted)]
    return x.reshape(wanted)


def _unsqueeze(x: Value, axes: Value) -> Value:
    return _xp(x).expand_dims(x, tuple(ints(axes)))


def _squeeze(x: Value, axes: Value = None) -> Value:
    return _xp(x).squeeze(x, None if axes is None else tuple(ints(axes)))


def _slice(x: Value, starts: Value, ends: Value, axes: Value = None, steps: Value = None) -> Value:
    begins, stops = ints(starts), ints(ends)
    along = list(range(len(begins))) if axes is None else ints(axes)
    strides = [1] * len(begins) if steps is None else ints(steps)
    parts = [slice(None)] * x.ndim
    for axis, begin, stop, stride in zip(along, begins, stops, strides, strict=True):
        parts[axis] = slice(begin, min(stop, x.shape[axis]), stride)
    return x[tuple(parts)]


def _gather(x: Value, index: Value, axis: int = 0) -> Value:
    if _xp(x, index) is np:
        return np.asarray(np.take(x, index, axis=axis))
    return mx.take(mx.array(x), mx.array(index), axis=axis)


def _concat(*values: Value, axis: int) -> Value:
    if _xp(*values) is np:
        return np.concatenate(values, axis=axis)
    return mx.concatenate([mx.array(value) for value in values], axis=axis)


def _split(x: Value, split: Value = None, axis: int = 0, num_outputs: int = 0) -> tuple[Value, ...]:
    sizes = [x.shape[axis] // num_outputs] * num_outputs if split is None else ints(split)
    return tuple(_xp(x).split(x, np.cumsum(sizes)[:-1].tolist(), axis))


def _expand(x: Value, shape: Value) -> Value:
    wanted = np.broadcast_shapes(tuple(x.shape), tuple(ints(shape)))
    return _xp(x).broadcast_to(x, wanted)


def _constant_of_shape(shape: Value, value: Value = None) -> Value:
    filling = np.zeros(1, np.float32) if value is None else value
    return np.full(ints(shape), filling.reshape(-1)[0])


def _transpose(x: Value, perm: Ints | None = None) -> Value:
    return x.transpose(perm)


def _reduce(name: str) -> Callable[..., Value]:
    def run(x: Value, axes: Value = None, keepdims: int = 1, **_: Any) -> Value:
        along = None if axes is None else tuple(ints(axes))
        return getattr(_xp(x), name)(x, axis=along, keepdims=bool(keepdims))

    return run


def _gemm(
    a: Value, b: Value, c: Value = 0.0, alpha: float = 1.0, beta: float = 1.0, **turned: int
) -> Value:
    a, b = a.T if turned.get("transA") else a, b.T if turned.get("transB") else b
    return alpha * (a @ b) + beta * c


def _clip(x: Value, low: Value = None, high: Value = None) -> Value:
    ends = [None if end is None else float(np.array(end)) for end in (low, high)]
    return _xp(x).clip(x, *ends)


def _flatten(x: Value, axis: int = 1) -> Value:
    return x.reshape(int(np.prod(x.shape[:axis])), -1)


OPS: dict[str, Callable[..., Any]] = {
    "Abs": _same("abs"),
    "Add": _same("add"),
    "AveragePool": _on_mlx(pictures.average_pool),
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Constant": lambda value: np.asarray(value),
    "ConstantOfShape": _constant_of_shape,
    "Conv": _on_mlx(pictures.conv),
    "Cos": _same("cos"),
    "DepthToSpace": _on_mlx(pictures.depth_to_space),
    "Div": _divide,
    "Equal": _same("equal"),
    "Exp": _same("exp"),
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "GridSample": _on_mlx(pictures.grid_sample),
    "InstanceNormalization": _on_mlx(pictures.instance_norm),
    "LessOrEqual": _same("less_equal"),
    "Log": _same("log"),
    "MatMul": _same("matmul"),
    "Mul": _same("multiply"),
    "Neg": _same("negative"),
    "Pow": _same("power"),
    "Range": lambda start, limit, delta: np.arange(start, limit, delta),
    "ReduceMean": _reduce("mean"),
    "ReduceSum": _reduce("sum"),
    "Relu": _on_mlx(lambda x: mx.maximum(x, 0)),
    "Reshape": _reshape,
    "Resize": _on_mlx(pictures.resize),
    "Shape": lambda x: np.array(x.shape, np.int64),
    "Sigmoid": _on_mlx(mx.sigmoid),
    "Sin": _same("sin"),
    "Slice": _slice,
    "Softmax": _on_mlx(pictures.softmax),
    "Split": _split,
    "Sqrt": _same("sqrt"),
    "Squeeze": _squeeze,
    "Sub": _same("subtract"),
    "Tanh": _same("tanh"),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _same("where"),
}
