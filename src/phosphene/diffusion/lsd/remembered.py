"""Remembered pictures as they stand at a moment: turned, swaying, as wide as the stream.

Latents move and zoom well, but turned by more than a few degrees they decode to smears: their channels
know directions. And beyond their edges there is nothing. So a remembered picture is turned in steps of
its pixels, mirrored beyond its edges, and encoded with a margin; only the rest of a pose moves latents.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from phosphene.diffusion.base import Array, Frames
from phosphene.diffusion.lsd.palette import dye, tone
from phosphene.diffusion.lsd.seeds import SeedBank
from phosphene.diffusion.lsd.tints import Tints, gradient
from phosphene.stream.camera import CameraMove, part

if TYPE_CHECKING:
    from PIL.Image import Image

TURN = math.radians(15.0)
"""between two encoded pictures; latents turn by half of it at most"""
MARGIN = 1 / 8
"""of the longer side, encoded beyond every edge: what a turn and a sway show of it"""
FACTOR = 8
"""pixels per latent pixel of what is encoded"""
KEPT = 3
"""pictures, and encoded turns: a change looks back at one other"""

FloatArray = npt.NDArray[np.float32]
Frame = npt.NDArray[np.uint8]


class Remembered:
    """The bank's pictures from any side.

    Args:
        bank: pictures by meaning.
        tints: finds the colours that a prompt names; the bank's palettes are few.
        draw: clean latents (1 8 32 32) -> picture (1 s s 3), the larger the better.
        encode: pictures (1 h w 3) -> latents (1 8 h/8 w/8).
    """

    def __init__(
        self,
        bank: SeedBank,
        tints: Tints,
        draw: Callable[[FloatArray], Frames],
        encode: Callable[[Frames], Array],
    ) -> None:
        self._bank = bank
        self._tints = tints
        self._draw = draw
        self._encode = encode
        self._tile = lru_cache(KEPT)(self._draw_tile)
        self._turned = lru_cache(KEPT)(self._encode_turned)

    def __call__(
        self, vector: FloatArray, variant: int, pose: CameraMove, height: int, width: int
    ) -> Array:
        """(1 8 height width): the picture of a prompt vector (dim,), as ``pose`` shows it."""
        turns, rest = in_turns(pose)
        canvas = self._turned(vector.tobytes(), variant, turns, height, width)
        return part(canvas, rest, height, width)

    def picture(self, vector: FloatArray, variant: int) -> Frames:
        """(s s 3) as it is remembered."""
        picture: Frames = self._draw(self._bank.latent(vector, variant)[None])[0]
        words = self._tints.named(vector)
        if len(words) == 2:
            # both must be seen, however dark or light the picture is
            return dye(picture, gradient(words), 1.0)
        return tone(picture, gradient(words)) if words else picture

    def _draw_tile(self, vector: bytes, variant: int) -> Image:
        return mirrored(self.picture(np.frombuffer(vector, np.float32), variant))

    def _encode_turned(
        self, vector: bytes, variant: int, turns: int, height: int, width: int
    ) -> Array:
        """(1 8 height+ width+) latents of the picture turned ``turns`` times, with a margin."""
        return self._encode(turned(self._tile(vector, variant), turns, height, width)[None])


def in_turns(pose: CameraMove) -> tuple[int, CameraMove]:
    """How many turns of :data:`TURN` a pose holds, a full circle being none, and the rest of it."""
    turns = round(pose.rotate / TURN)
    rest = replace(pose, rotate=pose.rotate - turns * TURN)
    return turns % round(2 * math.pi / TURN), rest


def turned(tile: Image, turns: int, height: int, width: int) -> Frame:
    """The pixels of a :func:`mirrored` picture that latents (height width) are made of, and a margin."""
    margin = math.ceil(MARGIN * max(height, width))
    rows, columns = (FACTOR * (side + 2 * margin) for side in (height, width))
    # a wide stream shows as much more of the picture as it enlarges it
    side = FACTOR * math.sqrt(height * width)
    return shown(tile, CameraMove(rotate=turns * TURN), rows, columns, side)


def mirrored(picture: Frame) -> Image:
    """A picture (s s 3) among its mirror images, three by three."""
    from PIL import Image

    row = np.concatenate([picture[:, ::-1], picture, picture[:, ::-1]], axis=1)
    return Image.fromarray(np.concatenate([row[::-1], row, row[::-1]]))


def shown(tile: Image, pose: CameraMove, rows: int, columns: int, side: float) -> Frame:
    """(rows columns 3): the middle of a :func:`mirrored` picture as ``pose`` shows it, but for its ripple.

    The picture is ``side`` pixels wide.
    """
    from PIL import Image

    scale = tile.width / 3 / side
    c, s = (scale * f(pose.rotate) / pose.zoom for f in (math.cos, math.sin))
    x, y = columns / 2 + pose.pan_x * side, rows / 2 + pose.pan_y * side
    middle = tile.width / 2
    places = (c, s, middle - c * x - s * y, -s, c, middle + s * x - c * y)
    seen = tile.transform((columns, rows), Image.Transform.AFFINE, places, Image.Resampling.BICUBIC)
    return np.asarray(seen)
