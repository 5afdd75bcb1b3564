"""What the model remembers, found by the prompt's vector: a moving loop of every visual family, and palettes.

A small model invents shapes badly and develops them well. So a stream starts from a picture whose
name and colours are nearest to the prompt, and follows it as it moves; see `remembered.Remembered`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.diffusion.lsd.loops import FILM, FRAMES, PART, Fields, read_part
from phosphene.errors import ModelError

FloatArray = npt.NDArray[np.float32]

DEFAULT_SEEDS = Path(__file__).parent / "weights" / "seeds.npz"
_FAINT = 0.25  # below this cosine a prompt names no colour


@dataclass(frozen=True)
class Lexicon:
    """Words that stand for numbered things: unit vectors (words, dim) and what each word stands for."""

    vectors: FloatArray
    owner: npt.NDArray[np.int64]

    def nearest(self, direction: FloatArray) -> tuple[int, float]:
        """The thing whose word is nearest to a vector (dim,), and the cosine."""
        scores = self.vectors @ (direction / max(float(np.linalg.norm(direction)), 1e-6))
        best = int(np.argmax(scores))
        return int(self.owner[best]), float(scores[best])


@dataclass(frozen=True)
class Seed:
    """A remembered loop and its palette, by number; ``mirrored`` left to right."""

    family: int
    palette: int
    shape: int
    mirrored: bool


class SeedBank:
    """What prompts call to mind. `families` and `palettes` name its two axes."""

    def __init__(self, path: Path = DEFAULT_SEEDS) -> None:
        try:
            with np.load(path) as data:
                self._read(data)
        except KeyError as error:
            raise ModelError(
                f"{path} is of an older phosphene: write the networks anew, with"
                " `phosphene train --out RUN --export DIR`."
            ) from error
        self._film = path.with_name(FILM)

    def _read(self, data: Mapping[str, npt.NDArray[Any]]) -> None:
        self.families = tuple(str(name) for name in data["families"])
        self.upright = tuple(bool(flag) for flag in data["upright"])
        """for each family, whether it has an up and a down"""
        self.palettes = tuple(str(name) for name in data["palettes"])
        self.shapes = int(data["shapes"])
        """loops of each family"""
        self.gradients: npt.NDArray[np.uint8] = data["gradients"]
        """(palettes, 256, 3) sRGB"""
        self.colours: FloatArray = data["colour"].astype(np.float32)
        """(rank, dim) directions in which colour words differ"""
        self._shapes = Lexicon(_f32(data["shape_words"]), data["shape_owner"].astype(np.int64))
        self._tints = Lexicon(_f32(data["tint_words"]), data["tint_owner"].astype(np.int64))

    def family(self, embedding: FloatArray) -> str | None:
        """The family whose name is nearest to a prompt vector (dim,); None for the null embedding."""
        if not embedding.any():
            return None
        # colours say nothing about shape
        shape = embedding - self.colours.T @ (self.colours @ embedding)
        return self.families[self._shapes.nearest(shape)[0]]

    def palette(self, embedding: FloatArray) -> str | None:
        """The stored palette nearest to a prompt vector (dim,); None if it names no colour."""
        index, cosine = self._tints.nearest(embedding)
        return self.palettes[index] if cosine > _FAINT else None

    def seed(self, embedding: FloatArray, variant: int = 0) -> Seed:
        """What a prompt vector (dim,) calls to mind; what it leaves open follows from ``variant``."""
        rng = np.random.default_rng(variant)
        limits = len(self.families), len(self.palettes), self.shapes
        family, palette, shape = (int(rng.integers(n)) for n in limits)
        mirrored = bool(rng.integers(2))
        name, tint = self.family(embedding), self.palette(embedding)
        return Seed(
            family=self.families.index(name) if name else family,
            palette=self.palettes.index(tint) if tint else palette,
            shape=shape,
            mirrored=mirrored,
        )

    def part(self, seed: Seed, number: int) -> Fields:
        """(PART, 2, s, s): fields of a seed's loop, from frame PART * ``number`` on."""
        first = (seed.family * self.shapes + seed.shape) * FRAMES // PART
        part = read_part(self._film, first + number)
        return part[..., ::-1] if seed.mirrored else part


def _f32(array: npt.NDArray[np.float16]) -> FloatArray:
    return array.astype(np.float32)
