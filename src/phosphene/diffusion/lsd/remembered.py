"""Remembered pictures as they stand at a moment: moving, turned, swaying, as wide as the stream.

A loop of fields is shown at its moment, turned and zoomed as the pose says, coloured, and encoded: all of it
in pixels, every frame anew. Latents move and zoom well, but turned by more than a few degrees they decode to
smears, for their channels know directions; only the ripple of a pose moves latents.
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
from phosphene.diffusion.lsd.fields import Colours, Field, between, coloured, colours
from phosphene.diffusion.lsd.loops import FRAMES, PART, RATE
from phosphene.diffusion.lsd.palette import luminance, tone, tone_curve
from phosphene.diffusion.lsd.seeds import Seed, SeedBank
from phosphene.diffusion.lsd.tints import Tints, gradient
from phosphene.stream.camera import STILL, CameraMove, part

if TYPE_CHECKING:
    from PIL.Image import Image

FACTOR = 8
"""pixels per latent pixel of what is encoded"""
SIDE = 32
"""latent pixels, a whole loop"""
MARGIN = 2
"""latent pixels encoded beyond every edge, where the encoder sees nothing and dims; and for the ripple"""
ROCK = 0.15
"""radians either way that what has an up and a down rocks, while the rest turns"""
KEPT = 6
"""seeds, colours, parts of loops: a change looks back at one other, a frame may lie between two parts"""

FloatArray = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


class Remembered:
    """The bank's loops at any moment, from any side.

    Args:
        bank: loops and palettes by meaning.
        tints: finds the colours that a prompt names; the bank's palettes are few.
        encode: pictures (1 h w 3) -> latents (1 8 h/8 w/8).
    """

    def __init__(self, bank: SeedBank, tints: Tints, encode: Callable[[Frames], Array]) -> None:
        self._bank = bank
        self._tints = tints
        self._encode = encode
        self._seed = lru_cache(KEPT)(self._find_seed)
        self._part = lru_cache(KEPT)(bank.part)
        self._colours = lru_cache(KEPT)(self._mix_colours)

    def __call__(
        self,
        vector: FloatArray,
        variant: int,
        pose: CameraMove,
        motion: float,
        height: int,
        width: int,
    ) -> Array:
        """(1 8 height width): what a prompt vector (dim,) calls to mind, ``motion`` seconds on."""
        picture = self.picture(vector, variant, pose, motion, height, width, MARGIN)
        latents = self._encode(picture[None])
        return part(latents, CameraMove(warp=pose.warp, phase=pose.phase), height, width)

    def picture(
        self,
        vector: FloatArray,
        variant: int,
        pose: CameraMove = STILL,
        motion: float = 0.0,
        height: int = SIDE,
        width: int = SIDE,
        margin: int = 0,
    ) -> Frames:
        """(8 height 8 width 3), without the pose's ripple; ``margin`` latent pixels more on every side."""
        seed = self._seed(vector.tobytes(), variant)
        if self._bank.upright[seed.family]:
            pose = replace(pose, rotate=ROCK * math.sin(pose.rotate))
        planes = self._moment(seed, motion * RATE)
        rows, columns = (FACTOR * (side + 2 * margin) for side in (height, width))
        # a wide stream shows as much more of the picture as it enlarges it
        side = FACTOR * math.sqrt(height * width)
        seen = np.stack([shown(mirrored(plane), pose, rows, columns, side) for plane in planes])
        return coloured(seen, self._colours(vector.tobytes(), seed))

    def _find_seed(self, vector: bytes, variant: int) -> Seed:
        return self._bank.seed(np.frombuffer(vector, np.float32), variant)

    def _moment(self, seed: Seed, at: float) -> Field:
        """(2 s s) of a seed's endless loop, at so many frames."""
        whole = math.floor(at)
        return between(self._field(seed, whole), self._field(seed, whole + 1), at - whole)

    def _field(self, seed: Seed, index: int) -> Field:
        number, place = divmod(index % FRAMES, PART)
        field: Field = self._part(seed, number)[place]
        return field

    def _mix_colours(self, vector: bytes, seed: Seed) -> Colours:
        own = colours(self._bank.gradients[seed.palette])
        words = self._tints.named(np.frombuffer(vector, np.float32))
        if len(words) == 2:
            # both must be seen, however dark or light the picture is
            curve = tone_curve(luminance(coloured(self._field(seed, 0), own)))
            return np.asarray(np.rint(gradient(words)[curve][luminance(own)]), np.uint8)
        return tone(own, gradient(words)) if words else own


def mirrored(picture: Pixels) -> Image:
    """A picture (s s 3), or a plane (s s), among its mirror images, three by three."""
    from PIL import Image

    row = np.concatenate([picture[:, ::-1], picture, picture[:, ::-1]], axis=1)
    return Image.fromarray(np.concatenate([row[::-1], row, row[::-1]]))


def shown(tile: Image, pose: CameraMove, rows: int, columns: int, side: float) -> Pixels:
    """(rows columns) or (rows columns 3): the middle of a :func:`mirrored` picture as ``pose`` shows it.

    But for its ripple. The picture is ``side`` pixels wide.
    """
    from PIL import Image

    scale = tile.width / 3 / side
    c, s = (scale * f(pose.rotate) / pose.zoom for f in (math.cos, math.sin))
    x, y = columns / 2 + pose.pan_x * side, rows / 2 + pose.pan_y * side
    middle = tile.width / 2
    places = (c, s, middle - c * x - s * y, -s, c, middle + s * x - c * y)
    seen = tile.transform(
        (columns, rows), Image.Transform.AFFINE, places, Image.Resampling.BILINEAR
    )
    return np.asarray(seen)
