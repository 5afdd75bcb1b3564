"""Noise that costs little: tables drawn once for the whole process, looked up anywhere, at any moment.

A table is periodic value noise of several octaves. Two looks at it, turned against each other and drifting
apart with time, make a texture that changes, has no end and is not seen to repeat; any picture needs only
its own offsets. So a texture of 64x64 takes 0.2 ms, and NumPy and torch see the same.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.namespaces import Array

SIDE = 512
"""texels along a side of a table; a power of two"""
CELLS = 32
"""cells of the first octave along a side: a unit of noise coordinates is one cell"""
OCTAVES = {"smooth": (1.0, 0.25), "cloud": (1.0, 0.5, 0.25, 0.125), "rough": (1.0, 0.7, 0.5, 0.35)}
"""amplitudes of octaves, each of twice the frequency"""
HASHES = 64
"""random numbers along a side of the table that cells are told apart by; a power of two"""

FloatArray = npt.NDArray[np.float32]


@lru_cache
def _host_table(kind: str) -> FloatArray:
    """(SIDE * SIDE,) of unit variance."""
    rng = np.random.default_rng(1)
    total = np.zeros((SIDE, SIDE))
    for octave, amplitude in enumerate(OCTAVES[kind]):
        cells = CELLS * 2**octave
        total += amplitude * _enlarged(rng.standard_normal((cells, cells)))
    table: FloatArray = (total / total.std()).astype(np.float32).ravel()
    return table


def _enlarged(lattice: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A periodic lattice at SIDE x SIDE, through cubic B-splines: smooth, without the lattice's crosses."""
    cells = len(lattice)
    at = np.arange(SIDE) * cells / SIDE
    whole = np.floor(at).astype(int)
    u = at - whole
    weights = np.zeros((SIDE, cells))
    cubic = ((1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3)
    for shift, weight in zip((-1, 0, 1, 2), cubic, strict=True):
        np.add.at(weights, (np.arange(SIDE), (whole + shift) % cells), weight / 6)
    large: npt.NDArray[np.float64] = weights @ lattice @ weights.T
    return large


@lru_cache
def _host_hash() -> FloatArray:
    return np.random.default_rng(2).random(HASHES * HASHES, dtype=np.float32)


@lru_cache
def _at(kind: str, library: str, where: str, xp: Any, device: Any) -> Array:
    host = _host_hash() if kind == "hash" else _host_table(kind)
    return xp.asarray(host, device=device)


def table(kind: str, xp: Any, device: Any) -> Array:
    """The table where the arrays of a picture are; ``kind`` one of `OCTAVES` or "hash"."""
    return _at(kind, xp.__name__, str(device), xp, device)


def sample(xp: Any, flat: Array, x: Array, y: Array) -> Array:
    """Noise at coordinates of one shape, in cells; interpolated between texels."""
    x, y = x * (SIDE / CELLS), y * (SIDE / CELLS)
    left, top = xp.floor(x), xp.floor(y)
    u, v = x - left, y - top
    i, j = xp.astype(left, xp.int64) & (SIDE - 1), xp.astype(top, xp.int64) & (SIDE - 1)
    i1, j, j1 = (i + 1) & (SIDE - 1), j * SIDE, ((j + 1) & (SIDE - 1)) * SIDE

    def look(index: Array) -> Array:
        return xp.reshape(xp.take(flat, xp.reshape(index, (-1,)), axis=0), index.shape)

    upper, lower = look(j + i), look(j1 + i)
    upper = upper + u * (look(j + i1) - upper)
    lower = lower + u * (look(j1 + i1) - lower)
    return upper + v * (lower - upper)


def hashed(xp: Any, flat: Array, i: Array, j: Array) -> Array:
    """A number in [0, 1) for every cell, from whole-valued floats of one shape."""
    row = xp.astype(j, xp.int64) & (HASHES - 1)
    column = xp.astype(i, xp.int64) & (HASHES - 1)
    index = row * HASHES + column
    return xp.reshape(xp.take(flat, xp.reshape(index, (-1,)), axis=0), index.shape)
