"""From a field to the picture: enlarged, then coloured by look-up, so edges stay crisp.

Enlarging is FFmpeg's (libswscale, bicubic from 16 bits to 8, vectorised), which PyAV brings; its ordered
dither hides the steps of shades, and stands still, so it costs nothing in a video. Looking colours up is one
gather of four bytes (three take four times as long), in strips on several threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from phosphene.diffusion.lsd.nets import usual_threads
from phosphene.palettes import PLACES

if TYPE_CHECKING:
    from av.video.reformatter import VideoReformatter

FloatArray = npt.NDArray[np.float32]
Frames = npt.NDArray[np.uint8]
Frame = npt.NDArray[np.uint8]
"""uint8 (height, width, 3)"""
Plane = npt.NDArray[np.uint8]
Colours = npt.NDArray[np.uint32]
"""red, green, blue and nothing, a byte each as they lie in memory"""

BRIGHTEST = 2.0
"""light at 1 in a latent; at 0 it is 1, which shows the palette's own colour"""
SPILL = 0.35
"""of what exceeds white in one channel, how much the others are lifted: light turns white, not another hue"""
SHADES = 128
"""places and lights that colours are looked up for: neighbours differ in 8 bits even in a dark palette, so
that dither hides every step; and the table stays in a core's own cache"""
STEEP = 3.0
"""how far edges are sharpened; they end at what lies beside them"""
TOP = (SHADES - 1) << 8
"""of a 16-bit plane: the last shade, with nothing left to dither"""
STRIP = 1 << 17
"""pixels that are looked up at once: more, and what is made on the way leaves the core's own cache"""
TABLES = 16


class Painter:
    """Paints fields of any size as pictures of any size; one per pipeline, for one thread at a time.

    Args:
        threads: that colours are looked up on; None takes half of the physical cores.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._threads = usual_threads() if threads is None else threads
        self._table = lru_cache(TABLES)(lambda palette: table(np.frombuffer(palette, np.float32)))
        self._scalers: dict[str, VideoReformatter] = {}

    def __call__(self, fields: FloatArray, palettes: FloatArray, height: int, width: int) -> Frames:
        """uint8 (b, height, width, 3) of fields (b, 2, h, w) in -1..1 and palettes (b, 256, 3)."""
        pictures = []
        for field, palette in zip(fields, palettes, strict=True):
            colours = self._table(np.ascontiguousarray(palette, np.float32).tobytes())
            place, light = (
                self._enlarged(number, plane, height, width) for number, plane in enumerate(field)
            )
            pictures.append(self._looked_up(place, light, colours))
        return pictures[0][None] if len(pictures) == 1 else np.stack(pictures)

    def _enlarged(self, number: int, share: FloatArray, height: int, width: int) -> Plane:
        """-1..1 as shades (height, width)."""
        plane = np.asarray(np.clip(share * (TOP / 2) + (TOP / 2 + 0.5), 0, TOP), np.uint16)
        if plane.shape == (height, width):
            # there the scaler would cut off what it dithers elsewhere
            return np.asarray((plane.astype(np.uint32) + 0x80) >> 8, np.uint8)
        # a scaler each, for a scaler keeps its tables as long as sizes stay
        scaled: Plane = self._scaled(f"plane {number}", plane, "gray16le", "gray", height, width)
        return scaled

    def _looked_up(self, place: Plane, light: Plane, colours: Colours) -> Frame:
        height, width = place.shape
        found = np.empty((height, width), np.uint32)
        step = max(1, STRIP // width)

        def strip(first: int) -> None:
            rows = slice(first, first + step)
            # cubic interpolation overshoots
            index = np.minimum(place[rows], SHADES - 1).astype(np.uint16)
            index *= SHADES
            index += np.minimum(light[rows], SHADES - 1)
            # every index is in the table, so "clip" changes none; it spares a check and a copy
            colours.take(index, out=found[rows], mode="clip")

        strips = range(0, height, step)
        if self._threads == 1 or len(strips) == 1:
            for first in strips:
                strip(first)
        else:
            list(self._pool.map(strip, strips))
        pixels = found.view(np.uint8).reshape(height, width, 4)
        frame: Frame = self._scaled("colours", pixels, "rgba", "rgb24", height, width)
        return frame

    def _scaled(
        self, scaler: str, array: npt.NDArray[Any], given: str, wanted: str, height: int, width: int
    ) -> Any:
        from av import VideoFrame
        from av.video.reformatter import VideoReformatter

        if scaler not in self._scalers:
            self._scalers[scaler] = VideoReformatter()
        make = VideoFrame.from_numpy_buffer if given == "rgba" else VideoFrame.from_ndarray
        large = self._scalers[scaler].reformat(
            make(array, format=given),
            width=width,
            height=height,
            format=wanted,
            interpolation="BICUBIC",
        )
        return large.to_ndarray()

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


def table(palette: FloatArray) -> Colours:
    """(SHADES * SHADES,): what a palette of 768 numbers looks like in every place, under every light."""
    places = np.linspace(0, PLACES - 1, SHADES)
    colours = palette.reshape(PLACES, 3)
    below = places.astype(int)
    share = (places - below).astype(np.float32)[:, None]
    shades = colours[below] + share * (colours[np.minimum(below + 1, PLACES - 1)] - colours[below])
    lit = shades[:, None] * np.linspace(0, BRIGHTEST, SHADES, dtype=np.float32)[:, None]
    # channel by channel: a maximum along an axis of three is slow
    most = np.maximum(np.maximum(lit[..., 0], lit[..., 1]), lit[..., 2])
    lit += (SPILL * np.maximum(most - 255, 0) + 0.5)[..., None]
    pixels = np.zeros((SHADES * SHADES, 4), np.uint8)
    pixels[:, :3] = np.minimum(lit, 255).reshape(-1, 3)
    return pixels.view(np.uint32)[:, 0]
