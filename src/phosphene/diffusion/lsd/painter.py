"""From a field to the picture: enlarged in 16 bits, then coloured by look-up, so edges stay crisp.

Enlarging is FFmpeg's (libswscale, bicubic, vectorised: 1 ms a plane at 1920x1080), which PyAV brings.
Looking colours up is one gather from a table of every place under every light, in strips on several threads.
An ordered dither of one cell of the table hides its steps; it stands still, so it costs nothing in a video.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from phosphene.diffusion.lsd.nets import usual_threads
from phosphene.palettes import PLACES

if TYPE_CHECKING:
    from av.video.reformatter import VideoReformatter

FloatArray = npt.NDArray[np.float32]
Frames = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.uint16]

BRIGHTEST = 2.0
"""light at 1 in a latent; at 0 it is 1, which shows the palette's own colour"""
SPILL = 0.35
"""of what exceeds white in one channel, how much the others are lifted: light turns white, not another hue"""
LIGHTS = 128
"""lights that colours are looked up for"""
PLACE_BITS, LIGHT_BITS = 8, 7
"""of a 16-bit plane, what the table is indexed by"""
PLACE_DITHER, LIGHT_DITHER = 7, 7
"""of a 16-bit plane, the bits that dither leaves alone: two cells of a palette, whose neighbours may be equal
in 8 bits, and one of light"""
STEEP = 3.0
"""how far edges are sharpened; they end at what lies beside them"""
STRIP = 300_000
"""pixels from which a picture is worth a further thread"""
TABLES = 16


class Painter:
    """Paints fields of any size as pictures of any size; one per pipeline, for one thread at a time.

    Args:
        threads: that colours are looked up on; None takes the physical cores, at most 4.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._threads = usual_threads() if threads is None else threads
        self._table = lru_cache(TABLES)(lambda palette: table(np.frombuffer(palette, np.float32)))
        self._scalers: list[VideoReformatter] = []

    def __call__(self, fields: FloatArray, palettes: FloatArray, height: int, width: int) -> Frames:
        """uint8 (b, height, width, 3) of fields (b, 2, h, w) in -1..1 and palettes (b, 256, 3)."""
        pictures = np.empty((len(fields), height, width, 3), np.uint8)
        for picture, field, palette in zip(pictures, fields, palettes, strict=True):
            colours = self._table(np.ascontiguousarray(palette, np.float32).tobytes())
            place, light = self._enlarged(steeper(field), height, width)
            self._look_up(picture, place, light, colours)
        return pictures

    def _enlarged(self, field: FloatArray, height: int, width: int) -> tuple[Plane, Plane]:
        """Place and light in 16 bits, dithered."""
        noise = dither(height, width)
        place = self._scaled(0, field[0], PLACE_DITHER, height, width) + (noise >> PLACE_DITHER)
        light = self._scaled(1, field[1], LIGHT_DITHER, height, width) + (noise >> LIGHT_DITHER)
        return place, light

    def _scaled(self, number: int, share: FloatArray, bits: int, height: int, width: int) -> Plane:
        """-1..1 as 16 bits, with room for the dither of a cell at the top."""
        top = 65535 - (65535 >> bits)
        plane = np.asarray(np.clip(share * (top / 2) + (top / 2 + 0.5), 0, top), np.uint16)
        if plane.shape == (height, width):
            return plane
        from av import VideoFrame
        from av.video.reformatter import VideoReformatter

        # a scaler each, for a scaler keeps its tables as long as sizes stay
        while len(self._scalers) <= number:
            self._scalers.append(VideoReformatter())
        frame = VideoFrame.from_ndarray(plane, format="gray16le")
        large = self._scalers[number].reformat(
            frame, width=width, height=height, format="gray16le", interpolation="BICUBIC"
        )
        enlarged: Plane = np.minimum(large.to_ndarray(), np.uint16(top))
        return enlarged

    def _look_up(self, picture: Frames, place: Plane, light: Plane, colours: Frames) -> None:
        def strip(rows: slice) -> None:
            index = place[rows] >> np.uint16(16 - PLACE_BITS) << np.uint16(LIGHT_BITS)
            index |= light[rows] >> np.uint16(16 - LIGHT_BITS)
            # every index is in the table, so "clip" changes none; it spares a check and a copy
            colours.take(index, axis=0, out=picture[rows], mode="clip")

        height = len(picture)
        parts = min(self._threads, 1 + place.size // STRIP)
        edges = np.linspace(0, height, parts + 1).astype(int)
        rows = list(map(slice, edges[:-1], edges[1:]))
        if parts == 1:
            strip(rows[0])
        else:
            list(self._pool.map(strip, rows))

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="paint")


def steeper(field: FloatArray) -> FloatArray:
    """Planes (2, h, w) with steeper edges and nothing beyond them: sharpened, within what lies around.

    An unsharp mask held between the least and the most of each neighbourhood makes no halos, and leaves
    gradients and flat places as they are.
    """
    sharp = field + STEEP * (field - _blurred(field))
    np.maximum(sharp, _extreme(field, np.minimum), out=sharp)
    return np.minimum(sharp, _extreme(field, np.maximum), out=sharp)


def _extreme(field: FloatArray, of: np.ufunc) -> FloatArray:
    """The least, or the most, of each place and its eight neighbours."""
    rows = field.copy()
    of(rows[:, 1:], field[:, :-1], out=rows[:, 1:])
    of(rows[:, :-1], field[:, 1:], out=rows[:, :-1])
    both = rows.copy()
    of(both[:, :, 1:], rows[:, :, :-1], out=both[:, :, 1:])
    of(both[:, :, :-1], rows[:, :, 1:], out=both[:, :, :-1])
    return both


def _blurred(field: FloatArray) -> FloatArray:
    """Means by 1 2 1 along both sides; the border as it is."""
    rows = field.copy()
    rows[:, 1:-1] = 0.25 * (field[:, :-2] + field[:, 2:]) + 0.5 * field[:, 1:-1]
    both = rows.copy()
    both[:, :, 1:-1] = 0.25 * (rows[:, :, :-2] + rows[:, :, 2:]) + 0.5 * rows[:, :, 1:-1]
    return both


@lru_cache(maxsize=4)
def dither(height: int, width: int) -> Plane:
    """(height, width) interleaved gradient noise (Jimenez 2014), 0..65535: even in every neighbourhood."""
    y, x = np.ogrid[:height, :width]
    noise = np.modf(52.9829189 * np.modf(0.06711056 * x + 0.00583715 * y)[0])[0]
    return np.asarray(noise * 65535, np.uint16)


def table(palette: FloatArray) -> Frames:
    """(256 * LIGHTS, 3): what a palette of 768 numbers looks like in every place, under every light."""
    light = np.linspace(0, BRIGHTEST, LIGHTS, dtype=np.float32)
    lit = palette.reshape(PLACES, 1, 3) * light[:, None]
    # channel by channel: a maximum along an axis of three is slow
    most = np.maximum(np.maximum(lit[..., 0], lit[..., 1]), lit[..., 2])
    lit += (SPILL * np.maximum(most - 255, 0) + 0.5)[..., None]
    return np.asarray(np.minimum(lit, 255), np.uint8).reshape(-1, 3)
