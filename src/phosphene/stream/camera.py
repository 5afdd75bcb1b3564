"""Camera moves: the previous picture is zoomed, turned, panned and rippled before the next step.

Resampled by interpolating cubic splines (Unser 1991): a picture is resampled anew in every frame, and
after 100 sub-pixel pans back and forth these keep 33 % of the power above a quarter of the Nyquist
frequency, where Keys' bicubic keeps 9 % and bilinear 1 %; sharper kernels grow without bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import cos, isfinite, pi, sin
from typing import Any

import numpy as np

from phosphene.errors import InputError
from phosphene.namespaces import evaluate
from phosphene.stream.arrays import Array, Home, HostArray

RIPPLES = 2.0
"""waves of the ripple across the picture's width"""
MAX_ZOOM = 1e6


@dataclass(frozen=True)
class CameraMove:
    """How the picture moves from one frame to the next. The default stands still."""

    zoom: float = 1.0
    """factor: 1.01 makes everything 1 % larger"""
    rotate: float = 0.0
    """radians, clockwise as seen"""
    pan_x: float = 0.0
    """the picture moves right, picture widths"""
    pan_y: float = 0.0
    """the picture moves down, picture widths"""
    warp: float = 0.0
    """amplitude of the ripple, picture widths"""
    phase: float = 0.0
    """where in its wave the ripple is, radians"""

    def __post_init__(self) -> None:
        numbers = (self.rotate, self.pan_x, self.pan_y, self.warp, self.phase)
        if not (1.0 / MAX_ZOOM <= self.zoom <= MAX_ZOOM and all(map(isfinite, numbers))):
            raise InputError(f"a camera move needs finite numbers and a zoom above 0, not {self}.")

    @property
    def is_identity(self) -> bool:
        """Whether nothing moves."""
        still = self.rotate == 0 and self.pan_x == 0 and self.pan_y == 0 and self.warp == 0
        return still and self.zoom == 1


STILL = CameraMove()


def warp(latent: Array, *moves: CameraMove) -> Array:
    """Move a latent (b c h w) by ``moves``, oldest first; edges are mirrored.

    Several moves become one resampling, so that none of them blurs twice. Standing still returns
    the very same array.
    """
    moving = tuple(move for move in moves if not move.is_identity)
    if not moving:
        return latent
    height, width = latent.shape[-2:]
    return _gathered(latent, *_moved_taps(height, width, moving, Home.of(latent)), (height, width))


def part(canvas: Array, move: CameraMove, height: int, width: int) -> Array:
    """The middle (b c height width) of a larger latent (b c H W), as :func:`warp` would move it.

    What comes in over the edges is the canvas; only its own edges are mirrored.
    """
    rows, columns = canvas.shape[-2:]
    top, left = (rows - height) / 2, (columns - width) / 2
    if move.is_identity and top.is_integer() and left.is_integer():
        y, x = int(top), int(left)
        return canvas[..., y : y + height, x : x + width]
    points = _source_points(height, width, (move,)) + np.array([[left], [top]], np.float32)
    return resample(canvas, Home.of(canvas).float32(points), (height, width))


# a frame moves its last picture, the one before that, and what it remembers, all alike
@lru_cache(maxsize=4)
def _moved_taps(
    height: int, width: int, moves: tuple[CameraMove, ...], home: Home
) -> tuple[Array, Array]:
    """:func:`_taps` of :func:`_source_points`."""
    taps = _taps(home.float32(_source_points(height, width, moves)), height, width)
    # what is kept here may be asked for by another thread
    evaluate(taps)
    return taps


def _source_points(height: int, width: int, moves: tuple[CameraMove, ...]) -> HostArray:
    """(2, h*w) x and y in pixels: where each pixel of the moved picture comes from."""
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    y, x = np.mgrid[:height, :width].astype(np.float64).reshape(2, -1)
    x, y = x - centre_x, y - centre_y
    for move in reversed(moves):
        x, y = x - move.pan_x * width, y - move.pan_y * width
        c, s = cos(move.rotate) / move.zoom, sin(move.rotate) / move.zoom
        x, y = c * x + s * y, c * y - s * x
        if move.warp:
            wave = 2 * pi * RIPPLES / width
            ripple_x = np.sin(wave * y + move.phase)
            ripple_y = np.sin(wave * x + move.phase)
            x, y = x + move.warp * width * ripple_x, y + move.warp * width * ripple_y
    return np.stack([x + centre_x, y + centre_y]).astype(np.float32)


def resample(latent: Array, points: Array, size: tuple[int, int] | None = None) -> Array:
    """Spline samples (b c *size) of a latent (b c h w) at ``points`` (2, n), x and y in pixels.

    ``size`` (height, width) holds n; by default that of the latent.
    """
    height, width = latent.shape[-2:]
    return _gathered(latent, *_taps(points, height, width), size or (height, width))


def _taps(points: Array, height: int, width: int) -> tuple[Array, Array]:
    """Of each of ``points`` (2, n) its 16 neighbours in a plane: flat indices (16 n,), weights (16, n)."""
    home = Home.of(points)
    xp = home.namespace
    corner = xp.floor(points)
    weights = _cubic_weights(xp, points - corner)
    taps = xp.astype(corner, xp.int64)[:, None, :] + xp.arange(-1, 3, device=home.device)[:, None]
    columns, rows = _mirror(xp, taps[0], width), _mirror(xp, taps[1], height)
    # (4 rows, 4 columns, h*w) -> the 16 neighbours of every point.
    index = rows[:, None, :] * width + columns[None, :, :]
    weight = weights[1][:, None, :] * weights[0][None, :, :]
    return xp.reshape(index, (-1,)), xp.reshape(weight, (16, -1))


def _gathered(latent: Array, index: Array, weight: Array, size: tuple[int, int]) -> Array:
    """Samples (b c *size) of a latent (b c h w) from what :func:`_taps` says of its planes."""
    home = Home.of(latent)
    xp = home.namespace
    batch, channels, height, width = latent.shape
    spline = _prefilter(height, home) @ latent @ _prefilter(width, home)
    flat = xp.reshape(spline, (batch * channels, height * width))
    neighbours = xp.reshape(xp.take(flat, index, axis=1), (batch * channels, *weight.shape))
    moved = xp.sum(neighbours * weight, axis=1)
    return xp.reshape(moved, (batch, channels, *size))


@lru_cache(maxsize=16)
def _prefilter(size: int, home: Home) -> Array:
    """(size, size), symmetric: from samples along one side to coefficients of the mirrored spline."""
    samples = 4 * np.eye(size) + np.eye(size, k=1) + np.eye(size, k=-1)
    samples[0, 0] += 1
    samples[-1, -1] += 1
    return home.float32(np.linalg.inv(samples / 6))


def _cubic_weights(xp: Any, f: Array) -> Array:
    """Weights (2, 4, n) of the coefficients at -1, 0, 1, 2 for fractions ``f`` (2, n) in 0..1."""
    g = 1 - f

    def near(d: Array) -> Array:
        return 2 / 3 - d * d + d * d * d / 2

    return xp.stack([g * g * g / 6, near(f), near(g), f * f * f / 6], axis=1)


def _mirror(xp: Any, index: Array, size: int) -> Array:
    """Fold an index back into 0..size-1: ... 1 0 | 0 1 2 ..."""
    folded = xp.remainder(index, 2 * size)
    return xp.minimum(folded, 2 * size - 1 - folded)
