"""Gaussian noise from a counter: the same values on every backend, in any order, after any restart."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator, Philox

from phosphene.stream.arrays import Array, Home, HostArray

WORD = 2**64
HELD_ARRAYS = 64
"""noise arrays kept on the device; a stream needs one per denoising step"""


def gaussian(seed: int, frame: int, slot: int, shape: tuple[int, ...]) -> HostArray:
    """Unit normal float32 noise, a pure function of its arguments (Salmon 2011, Philox).

    ``seed``, ``frame`` and ``slot`` are integers, taken modulo 2^64.
    """
    return _generator(seed, frame, slot).standard_normal(shape, dtype=np.float32)


def uniform(seed: int, frame: int) -> float:
    """One number in 0..1 (1 excluded), a pure function of its arguments."""
    return float(_generator(seed, frame, 0).random())


def plan_of(noise: Array, numbers: int) -> Array:
    """(b, numbers) out of the noise (b c h w) that a picture from nothing starts from, far from one another.

    What such a picture is to be in the large is drawn from them, so that the noise says all of it.
    """
    flat = Home.of(noise).namespace.reshape(noise, (noise.shape[0], -1))
    return flat[:, :: flat.shape[1] // numbers][:, :numbers]


class HeldNoise:
    """The noise added between denoising steps: one array per (seed, step), held for the whole show.

    Noise that is new in every frame would make fine detail flicker; StreamDiffusion holds it too.
    This is a cache on the device, not state: it can be dropped at any time.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._arrays: dict[tuple[int, int, tuple[int, ...]], Array] = {}

    def __call__(self, seed: int, step: int, shape: tuple[int, ...]) -> Array:
        """(1 c h w) noise before step ``step`` for latents of ``shape`` (b c h w), equal for all b."""
        key = (seed, step, shape[1:])
        if key not in self._arrays:
            if len(self._arrays) >= HELD_ARRAYS:
                self._arrays.clear()
            self._arrays[key] = self._home.float32(gaussian(seed, 0, step, (1, *shape[1:])))
        return self._arrays[key]


def _generator(seed: int, frame: int, slot: int) -> Generator:
    # the low counter word counts the blocks of one draw; slot and frame never collide with it.
    key = np.array([seed % WORD, 0], np.uint64)
    counter = np.array([0, 0, slot % WORD, frame % WORD], np.uint64)
    return Generator(Philox(key=key, counter=counter))
