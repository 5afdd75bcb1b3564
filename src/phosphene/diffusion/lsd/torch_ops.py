"""The ONNX operators that the built-in model's networks are made of, in torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Attributes = dict[str, Any]
Operator = Callable[..., Any]
"""(attributes, *inputs) -> a tensor, or a tuple of them"""

TYPES = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
}
"""of onnx.TensorProto"""

ON_HOST: dict[str, frozenset[int]] = {
    "Clip": frozenset({1, 2}),
    "ConstantOfShape": frozenset({0}),
    "Expand": frozenset({1}),
    "Gather": frozenset({1}),
    "ReduceMean": frozenset({1}),
    "ReduceSum": frozenset({1}),
    "Reshape": frozenset({1}),
    "Resize": frozenset({1, 2, 3}),
    "Slice": frozenset({1, 2, 3, 4}),
    "Split": frozenset({1}),
    "Squeeze": frozenset({1}),
    "Unsqueeze": frozenset({1}),
}
"""inputs that say how to compute, not what with: they must be known before the device is asked"""


def _ints(tensor: Tensor) -> list[int]:
    return [int(value) for value in tensor.reshape(-1).tolist()]


def _conv(a: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    sides = len(weight.shape) - 2
    pads = a.get("pads", [0] * 2 * sides)
    if pads[:sides] != pads[sides:]:
        x, pads = F.pad(x, (pads[1], pads[3], pads[0], pads[2])), [0] * 2 * sides
    return F.conv2d(
        x,
        weight,
        bias,
        a.get("strides", 1),
        pads[:sides],
        a.get("dilations", 1),
        a.get("group", 1),
    )


def _gemm(a: Attributes, x: Tensor, y: Tensor, bias: Tensor | None = None) -> Tensor:
    x = x.T if a.get("transA", 0) else x
    y = y.T if a.get("transB", 0) else y
    alpha, beta = a.get("alpha", 1.0), a.get("beta", 1.0)
    if bias is None:
        return torch.mm(x, y).mul(alpha)
    return torch.addmm(bias, x, y, alpha=alpha, beta=beta)


def _reshape(_: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    return x.reshape([size or x.shape[axis] for axis, size in enumerate(_ints(shape))])


def _expand(_: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    return x.expand(np.broadcast_shapes(tuple(x.shape), tuple(_ints(shape))))


def _slice(
    _: Attributes,
    x: Tensor,
    starts: Tensor,
    ends: Tensor,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Tensor:
    first, last = _ints(starts), _ints(ends)
    along = list(range(len(first))) if axes is None else _ints(axes)
    every = [1] * len(first) if steps is None else _ints(steps)
    place: list[slice] = [slice(None)] * x.ndim
    for axis, start, end, step in zip(along, first, last, every, strict=True):
        place[axis] = slice(start, end, step)
    return x[tuple(place)]


def _gather(a: Attributes, x: Tensor, index: Tensor) -> Tensor:
    axis = a.get("axis", 0)
    if index.ndim == 0:
        return x.select(axis, int(index))
    parts = [x.select(axis, each) for each in _ints(index)]
    return torch.stack(parts, axis)


def _reduce(kind: Callable[..., Tensor]) -> Operator:
    def reduce(a: Attributes, x: Tensor, axes: Tensor | None = None) -> Tensor:
        along = a.get("axes") if axes is None else _ints(axes)
        return kind(x, dim=along or list(range(x.ndim)), keepdim=bool(a.get("keepdims", 1)))

    return reduce


def _resize(
    a: Attributes,
    x: Tensor,
    _: Tensor | None = None,
    scales: Tensor | None = None,
    sizes: Tensor | None = None,
) -> Tensor:
    if sizes is not None:
        size = _ints(sizes)[2:]
    else:
        assert scales is not None
        size = [int(n * s) for n, s in zip(x.shape[2:], scales.tolist()[2:], strict=True)]
    return F.interpolate(x, size=size, mode=a["mode"].decode())


def _split(a: Attributes, x: Tensor, sizes: Tensor | None = None) -> Sequence[Tensor]:
    axis = a.get("axis", 0)
    if sizes is not None:
        return torch.split(x, _ints(sizes), axis)
    return torch.tensor_split(x, a["num_outputs"], axis)


def _clip(
    _: Attributes, x: Tensor, low: Tensor | None = None, high: Tensor | None = None
) -> Tensor:
    return x.clamp(None if low is None else low.item(), None if high is None else high.item())


def _squeeze(_: Attributes, x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.squeeze() if axes is None else x.squeeze(tuple(_ints(axes)))


def _unsqueeze(_: Attributes, x: Tensor, axes: Tensor) -> Tensor:
    rank = x.ndim + axes.numel()
    for axis in sorted(axis % rank for axis in _ints(axes)):
        x = x.unsqueeze(axis)
    return x


def _constant_of_shape(a: Attributes, shape: Tensor) -> Tensor:
    value = a.get("value", torch.zeros(1))
    return torch.full(_ints(shape), value.item(), dtype=value.dtype)


def _div(_: Attributes, x: Tensor, y: Tensor) -> Tensor:
    return torch.div(x, y, rounding_mode=None if x.is_floating_point() else "trunc")


def _grid_sample(a: Attributes, x: Tensor, grid: Tensor) -> Tensor:
    mode = {"linear": "bilinear", "cubic": "bicubic"}.get(a["mode"].decode(), a["mode"].decode())
    edge = a.get("padding_mode", b"zeros").decode()
    return F.grid_sample(x, grid, mode, edge, bool(a.get("align_corners", 0)))


def _along(a: Attributes, x: Tensor, numbers: Tensor) -> Tensor:
    """One number for all of ``x``, or one for each place on an axis, as ONNX's quantisation has them."""
    if numbers.numel() == 1:
        return numbers.reshape(())
    shape = [1] * x.ndim
    shape[a.get("axis", 1)] = -1
    return numbers.reshape(shape)


def _quantize(a: Attributes, x: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    limits = torch.iinfo(zero.dtype)
    whole = (x / _along(a, x, scale)).round() + _along(a, x, zero)
    return whole.clamp(limits.min, limits.max).to(zero.dtype)


def _dequantize(a: Attributes, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    whole = x.float() if zero is None else x.float() - _along(a, x, zero)
    return whole * _along(a, x, scale)


def _flatten(a: Attributes, x: Tensor) -> Tensor:
    axis = a.get("axis", 1)
    return x.reshape(int(np.prod(x.shape[:axis], dtype=int)), -1)


def _plain(function: Callable[..., Any]) -> Operator:
    def run(_: Attributes, *inputs: Tensor) -> Any:
        return function(*inputs)

    return run


OPERATORS: dict[str, Operator] = {
    "Cast": lambda a, x: x.to(TYPES[a["to"]]),
    "Clip": _clip,
    "Concat": lambda a, *xs: torch.cat(xs, a["axis"]),
    "Constant": lambda a: a["value"],
    "ConstantOfShape": _constant_of_shape,
    "Conv": _conv,
    "DepthToSpace": lambda a, x: F.pixel_shuffle(x, a["blocksize"]),
    "DequantizeLinear": _dequantize,
    "Div": _div,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "GridSample": _grid_sample,
    "InstanceNormalization": lambda a, x, w, b: F.instance_norm(
        x, None, None, w, b, eps=a["epsilon"]
    ),
    "QuantizeLinear": _quantize,
    "Range": _plain(
        lambda start, end, step: torch.arange(
            start.item(), end.item(), step.item(), dtype=start.dtype
        )
    ),
    "ReduceMean": _reduce(torch.mean),
    "ReduceSum": _reduce(torch.sum),
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": lambda a, x: torch.tensor(x.shape),
    "Slice": _slice,
    "Softmax": lambda a, x: x.softmax(a.get("axis", -1)),
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": lambda a, x: x.permute(a["perm"]),
    "Unsqueeze": _unsqueeze,
    **{
        name: _plain(function)
        for name, function in (
            ("Abs", torch.abs),
            ("Add", torch.add),
            ("Cos", torch.cos),
            ("Equal", torch.eq),
            ("Exp", torch.exp),
            ("Greater", torch.gt),
            ("Identity", lambda x: x),
            ("Less", torch.lt),
            ("LessOrEqual", torch.le),
            ("Log", torch.log),
            ("MatMul", torch.matmul),
            ("Mul", torch.mul),
            ("Neg", torch.neg),
            ("Pow", torch.pow),
            ("Reciprocal", torch.reciprocal),
            ("Relu", torch.relu),
            ("Round", torch.round),
            ("Sigmoid", torch.sigmoid),
            ("Sin", torch.sin),
            ("Sqrt", torch.sqrt),
            ("Sub", torch.sub),
            ("Tanh", torch.tanh),
            ("Where", torch.where),
        )
    },
}
