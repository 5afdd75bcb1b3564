"""Scope's tensors and our pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from phosphene.errors import InputError
from phosphene.show.live.types import Frame
from phosphene.video.sizes import cover
from phosphene.video.spec import Size

if TYPE_CHECKING:
    import torch


def to_picture(tensor: object, size: Size) -> Frame:
    """The last picture of a tensor, its middle scaled to fill ``size`` (width, height).

    (..., h, w, 3) uint8 in 0..255 or floats in 0..1, on any device; one channel and four do, too. Raises
    InputError for anything else.
    """
    import torch

    if not isinstance(tensor, torch.Tensor):
        raise InputError(f"an input picture must be a tensor, not {type(tensor).__name__}.")
    shape = tuple(tensor.shape)
    if len(shape) < 3 or 0 in shape or shape[-1] not in (1, 3, 4):
        raise InputError(f"an input picture must have the shape (1, h, w, 3), not {shape}.")
    last = tensor.detach().reshape(-1, *shape[-3:])[-1][..., :3]
    if last.is_floating_point():
        last = (last.float().nan_to_num().clamp(0, 1) * 255).round()
    pixels = last.clamp(0, 255).to("cpu", torch.uint8).expand(*shape[-3:-1], 3)
    frame: Frame = np.ascontiguousarray(pixels.numpy())
    return fill(frame, size)


def fill(frame: Frame, size: Size) -> Frame:
    """The middle of ``frame`` (h, w, 3), scaled to fill ``size`` (width, height)."""
    height, width, _ = frame.shape
    if (width, height) == size:
        return frame
    rows, columns = cover((width, height), size)
    box = (columns.start, rows.start, columns.stop, rows.stop)
    scaled = Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR, box, reducing_gap=2.0)
    return np.asarray(scaled)


def to_tensor(frame: Frame, like: object) -> torch.Tensor:
    """(h, w, 3) uint8 -> (1, h, w, 3) uint8 where ``like`` is; Scope would truncate fractions."""
    import torch

    device = like.device if isinstance(like, torch.Tensor) else "cpu"
    return torch.from_numpy(frame.copy())[None].to(device)
