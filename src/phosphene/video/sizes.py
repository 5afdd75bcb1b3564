"""Sizes: what the model draws, what the file holds, and how one fills the other."""

from __future__ import annotations

import math
from dataclasses import dataclass

from phosphene.errors import InputError
from phosphene.video.spec import Size

MIN_MODEL_SIDE = 64
"""pixels; the least the settings allow"""
AREA_WEIGHT = 0.25
"""a size 4 % off the pixel budget counts like one of which 1 % is cut off"""


@dataclass(frozen=True)
class SizePlan:
    """Both sizes of a render, (width, height) in pixels."""

    model: Size
    output: Size


def even_size(size: Size) -> Size:
    """``size`` with odd sides one pixel longer: H.264 4:2:0 stores colour for 2 x 2 pixels."""
    return size[0] + size[0] % 2, size[1] + size[1] % 2


def plan_size(
    requested: Size | None, max_side: int, multiple: int, native: Size, scalable: bool = False
) -> SizePlan:
    """Choose the size the model draws at for a ``requested`` output size.

    ``native`` is the size the model is set to; its pixel count is the budget. ``max_side`` is the
    longest side it draws well and ``multiple`` what its sides must be a multiple of. Without a
    request the model's picture is the output. A ``scalable`` model draws any request at its own size,
    but for what is cut off. For others, a request smaller than the budget is drawn at its own
    size. The output is the request with even sides; :func:`cover` cuts the rest of the difference
    in aspect ratio, a few pixels except for extreme shapes. Raises :class:`InputError` for sizes
    that are not positive.
    """
    if requested is not None and min(requested) < 1:
        raise InputError(
            f"size {requested[0]}x{requested[1]} is not possible: both sides must be positive."
        )
    output = even_size(requested or native)
    if scalable:
        share = min(1.0, max_side / max(output))
        width, height = (math.ceil(side * share / multiple) * multiple for side in output)
        return SizePlan((max(MIN_MODEL_SIDE, width), max(MIN_MODEL_SIDE, height)), output)
    budget = min(math.prod(native), math.prod(output))
    aspect = output[0] / output[1]
    longest = max_side // multiple * multiple
    shortest = min(-(-MIN_MODEL_SIDE // multiple) * multiple, longest)
    sides = range(shortest, longest + 1, multiple)

    def cost(size: Size) -> float:
        stretch = abs(math.log(size[0] / size[1] / aspect))
        return stretch + AREA_WEIGHT * abs(math.log(math.prod(size) / budget))

    return SizePlan(min(((w, h) for w in sides for h in sides), key=cost), output)


def cover(size: Size, target: Size) -> tuple[slice, slice]:
    """Rows and columns of the largest centred part of ``size`` with the aspect ratio of ``target``.

    Scaling that part to ``target`` fills it with less than a pixel of stretch.
    """
    (width, height), (target_width, target_height) = size, target
    keep_w = min(width, max(1, round(height * target_width / target_height)))
    keep_h = min(height, max(1, round(width * target_height / target_width)))
    left, top = (width - keep_w) // 2, (height - keep_h) // 2
    return slice(top, top + keep_h), slice(left, left + keep_w)
