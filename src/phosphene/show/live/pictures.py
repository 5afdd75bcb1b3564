"""Input pictures: compressed bytes from outside, decoded carefully."""

from __future__ import annotations

import io

import numpy as np

from phosphene.errors import InputError
from phosphene.pictures import is_turned, to_rgb
from phosphene.show.live.types import Frame
from phosphene.video.sizes import cover
from phosphene.video.spec import Size

FORMATS = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 4096 * 4096
"""of a picture that is taken; nothing larger is ever unpacked"""


def decode_picture(data: bytes, size: Size) -> Frame:
    """JPEG, PNG or WebP -> uint8 RGB of ``size`` (width, height): its middle, scaled to fill.

    Raises :class:`~phosphene.errors.InputError`.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise InputError(
                    f"a picture of {picture.width}x{picture.height} pixels is too large:"
                    f" send at most {MOST_PIXELS / 1e6:.0f} million pixels."
                )
            # a JPEG is unpacked at an eighth, a quarter or a half where that is enough
            lying = (size[1], size[0]) if is_turned(picture) else size
            picture.draft("RGB", _enough(picture.size, lying))
            upright = to_rgb(picture)
            rows, columns = cover(upright.size, size)
            box = (columns.start, rows.start, columns.stop, rows.stop)
            scaled = upright.resize(size, Image.Resampling.BILINEAR, box, reducing_gap=2.0)
    except InputError:
        raise
    except Exception as error:
        # a codec may raise anything at bytes that were made to break it
        raise InputError("this picture cannot be decoded: send JPEG, PNG or WebP.") from error
    return np.asarray(scaled)


def as_frame(image: bytes | Frame, size: Size) -> Frame:
    """A picture, compressed or uint8 RGB, as uint8 RGB of ``size`` (width, height)."""
    from PIL import Image, ImageOps

    if isinstance(image, bytes):
        return decode_picture(image, size)
    if (image.shape[1], image.shape[0]) == size:
        return image
    return np.asarray(ImageOps.fit(Image.fromarray(image), size, Image.Resampling.BILINEAR))


def picture_size(data: bytes) -> Size:
    """(width, height) of a compressed picture, from its first bytes. Raises :class:`InputError`."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            return picture.size
    except Exception as error:
        raise InputError("this picture cannot be decoded: send JPEG, PNG or WebP.") from error


def _enough(have: Size, want: Size) -> Size:
    """The size ``have`` may be scaled down to before its middle is cut out for ``want``."""
    scale = max(want[0] / have[0], want[1] / have[1])
    return max(want[0], int(have[0] * scale)), max(want[1], int(have[1] * scale))
