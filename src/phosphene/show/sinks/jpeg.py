"""Pictures to JPEG."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

FULL_COLOUR = 0
"""Pillow's name for 4:4:4"""


def to_jpeg(picture: npt.NDArray[np.uint8], quality: int) -> bytes:
    """A uint8 (h, w, 3) RGB picture as JPEG, ``quality`` 30..100.

    Colour is kept at full resolution: the page enlarges small pictures, and neon edges would bleed.
    Optimised or progressive files would cost several times as much for a tenth fewer bytes.
    """
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=quality, subsampling=FULL_COLOUR)
    return out.getvalue()


FINER = 5
"""by which a field's planes are finer than pictures: edges count more in what colours are looked up from"""


def to_planes(planes: npt.NDArray[np.uint8], quality: int) -> bytes:
    """A field's planes (2, h, w), one above the other, as a grey JPEG; every browser opens that."""
    out = io.BytesIO()
    grey = Image.fromarray(planes.reshape(-1, planes.shape[-1]))
    grey.save(out, "JPEG", quality=min(100, quality + FINER))
    return out.getvalue()


def fitted(picture: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """A picture at ``size`` (width, height); another shape fills it and loses its edges."""
    return np.asarray(ImageOps.fit(Image.fromarray(picture), size, Image.Resampling.BICUBIC))
