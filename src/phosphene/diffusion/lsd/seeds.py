"""Starting pictures: encoded frames of every visual family, found by the prompt's vector.

A small model invents shapes badly and develops them well. So a stream starts from a picture whose
name and colours are nearest to the prompt, and holds on to it a little; see `SeedBank.latent`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

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


class SeedBank:
    """Latents by meaning. `families` and `palettes` name its two axes."""

    def __init__(self, path: Path = DEFAULT_SEEDS) -> None:
        with np.load(path) as data:
            self.families = tuple(str(name) for name in data["families"])
            self.palettes = tuple(str(name) for name in data["palettes"])
            # (families, palettes, shapes, 8, 32, 32)
            self._latents: npt.NDArray[np.int8] = data["latents"]
            self._step = np.float32(data["step"])
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

    def latent(
        self, embedding: FloatArray, seed: int = 0, height: int = 32, width: int = 32
    ) -> FloatArray:
        """(8, height, width) clean latent for a prompt vector (dim,).

        A stream starts from it, and keeps its shape if some of it is mixed into every last frame:
        `last = (1 - hold) * last + hold * latent` with hold about 0.15. What the prompt leaves open
        (all of it, for the null embedding) follows from `seed`. Sizes are in latent pixels; the
        picture is scaled to cover them and its middle is kept.
        """
        rng = np.random.default_rng(seed)
        family, palette, shape = (int(rng.integers(n)) for n in self._latents.shape[:3])
        mirrored = bool(rng.integers(2))
        name, tint = self.family(embedding), self.palette(embedding)
        family = self.families.index(name) if name else family
        palette = self.palettes.index(tint) if tint else palette
        stored = self._latents[family, palette, shape].astype(np.float32) * self._step
        return cover(stored[..., ::-1] if mirrored else stored, height, width)


def _f32(array: npt.NDArray[np.float16]) -> FloatArray:
    return array.astype(np.float32)


def cover(latent: FloatArray, height: int, width: int) -> FloatArray:
    """Scale (c, h, w) bilinearly so that it covers height x width, keeping proportions and middle."""
    _, h, w = latent.shape
    scale = max(height / h, width / w)
    out = latent
    for axis, (old, new) in enumerate(((h, height), (w, width)), start=1):
        at = (np.arange(new) + 0.5 - new / 2) / scale + old / 2 - 0.5
        low = np.clip(np.floor(at).astype(int), 0, old - 2)
        shape = [1, 1, 1]
        shape[axis] = new
        mix = np.clip(at - low, 0, 1).astype(np.float32).reshape(shape)
        out = np.take(out, low, axis) * (1 - mix) + np.take(out, low + 1, axis) * mix
    return np.ascontiguousarray(out, np.float32)
