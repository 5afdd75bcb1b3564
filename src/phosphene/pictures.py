"""Pictures as they are meant to be seen: upright, 8 bits, RGB, whatever the file holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from phosphene.errors import ModelError

if TYPE_CHECKING:
    from PIL.Image import Image

WORD = 65535
"""white in 16 bits"""
ORIENTATION = 274
"""EXIF's number for which way up a picture is"""


def open_reference(file: str) -> Image:
    """A file of a picture to refer to, as RGB. Raises ModelError."""
    from PIL import Image as Pillow

    try:
        with Pillow.open(Path(file).expanduser()) as opened:
            return to_rgb(opened)
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} is no picture that can be a reference: {error}") from error


def is_turned(picture: Image) -> bool:
    """Whether :func:`to_rgb` swaps width and height."""
    return picture.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)


def to_rgb(picture: Image) -> Image:
    """An opened picture as RGB: turned as its EXIF says, what is transparent on black.

    Grey levels of 16 bits count to 65,535; floats to 1, or to the brightest where that is more.
    """
    from PIL import Image as Pillow
    from PIL import ImageOps

    ImageOps.exif_transpose(picture, in_place=True)
    if picture.mode.startswith(("I", "F")):
        levels = np.asarray(picture, np.float32)
        levels = np.nan_to_num(levels, nan=0.0, posinf=0.0, neginf=0.0)
        white = max(WORD if picture.mode.startswith("I") else 1.0, float(levels.max(initial=0.0)))
        grey = np.rint(np.clip(levels / white, 0, 1) * 255).astype(np.uint8)
        picture = Pillow.fromarray(grey)
    if "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        above = picture.convert("RGBA")
        return Pillow.alpha_composite(
            Pillow.new("RGBA", above.size, (0, 0, 0, 255)), above
        ).convert("RGB")
    return picture.convert("RGB")
