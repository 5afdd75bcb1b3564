"""Words to shapes: what a prompt asks for -> a motif of the renderer, and what it was taken for.

Words that people call a family by are taken as they stand; two families in one prompt make a mixture, where
one of them can be folded: "mandala of fire", "marble tunnel". A prompt without any such word is compared with
all of them by meaning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from zlib import crc32

import numpy as np

from phosphene.diffusion.lsd.colours import ALSO, COLOURS, named
from phosphene.diffusion.lsd.render import FAMILIES, FOLDS, Motif
from phosphene.diffusion.lsd.text import STOP_WORDS, TextEncoder
from phosphene.palettes import FloatArray

HEAD = re.compile(r"\b(?:of|made of|full of|filled with|with)\b")
_HEX_WORD = re.compile(r"#[0-9a-f]+")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
RANK = 24
"""directions of meaning in which colour names differ: they say nothing about shape"""
MOST_WORDS = 4
"""of a family's longest name"""


@dataclass(frozen=True)
class Reading:
    """What a prompt was taken for."""

    motif: Motif
    sure: bool
    """whether the prompt names it; otherwise it is the nearest in meaning"""


@lru_cache
def phrases() -> dict[str, str]:
    """The family of every word and phrase, one and many; what people call it goes before what is near it."""
    known: dict[str, str] = {}
    for near in (False, True):
        for name, family in FAMILIES.items():
            for word in family.near if near else (*family.words, name.replace("_", " ")):
                for form in (word, f"{word}s", f"{word}es", word.removesuffix("s")):
                    known.setdefault(form, name)
    return known


class Reader:
    """Reads prompts.

    Args:
        encoder: for prompts that name no family.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self._told: dict[Motif, FloatArray] = {}

    def read(self, text: str, vector: FloatArray) -> Reading:
        """What ``text`` asks for; ``vector`` (dim,) is its meaning."""
        found = _families(text)
        if found:
            return Reading(_mixture(text, found), sure=True)
        if not _others(text):
            # colours alone leave the pattern open: the same for the same words
            order = sorted(FAMILIES)
            return Reading(Motif(order[crc32(text.lower().encode()) % len(order)]), sure=True)
        return Reading(Motif(self.nearest(vector)), sure=False)

    def told(self, motif: Motif) -> FloatArray:
        """(dim,) what the network is told of a motif: its name alone.

        A field has no colours, and in a prompt's own vector the words for them say more than the pattern's:
        of captions, the nearest pattern was the right one in three of four, and the network heeded none.
        """
        if motif not in self._told:
            self._told[motif] = self._encoder.encode(motif.label)
        return self._told[motif]

    def hear(self, text: str) -> FloatArray:
        """(dim,) what the network is told of a text."""
        return self.told(self.read(text, self._encoder.encode(text)).motif)

    def nearest(self, vector: FloatArray) -> str:
        """The family whose words are nearest in meaning to a vector (dim,)."""
        basis, words, owners = self._lexicon
        shape = vector - basis.T @ (basis @ vector)
        return owners[int(np.argmax(words @ shape))] if shape.any() else next(iter(FAMILIES))

    @cached_property
    def _lexicon(self) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
        """Directions of colour (RANK, dim), unit vectors of shape words without them, and whose each is."""
        colours = np.stack([self._encoder.encode(name) for name in (*COLOURS, *ALSO)])
        basis = np.linalg.svd(colours, full_matrices=False)[2][:RANK].astype(np.float32)
        pairs = [
            (word, name)
            for name, family in FAMILIES.items()
            for word in (*family.words, *family.near)
            if "color" not in word
        ]
        vectors = np.stack([self._encoder.encode(word) for word, _ in pairs])
        vectors -= vectors @ basis.T @ basis
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
        return basis, vectors.astype(np.float32), tuple(name for _, name in pairs)


def _families(text: str) -> list[tuple[int, str]]:
    """Where in a text which family is named, the longest names first taken, each family once."""
    lower = text.lower()
    words = [(m.start(), m[0]) for m in _WORD.finditer(lower)]
    spans = [] if _only_colours(text) else named(text).spans
    found: dict[str, int] = {}
    k = 0
    while k < len(words):
        for length in range(min(MOST_WORDS, len(words) - k), 0, -1):
            start = words[k][0]
            name = phrases().get(" ".join(word for _, word in words[k : k + length]))
            coloured = length == 1 and any(a <= start < b for a, b in spans)
            if name is not None and not coloured:
                found.setdefault(name, start)
                k += length
                break
        else:
            k += 1
    return sorted((start, name) for name, start in found.items())


def _others(text: str) -> bool:
    """Whether a text has words that are neither colours nor grammar."""
    lower, spans = text.lower(), named(text).spans
    return any(
        m[0] not in STOP_WORDS and not any(a <= m.start() < b for a, b in spans)
        for m in _WORD.finditer(_HEX_WORD.sub(lambda m: " " * len(m[0]), lower))
    )


def _only_colours(text: str) -> bool:
    """Whether all that a text names lies in words for colours too: "roses", "a coral reef", "ocean"."""
    lower = text.lower()
    spans = named(text).spans
    shapes = [m for m in _WORD.finditer(lower) if phrases().get(m[0])]
    return bool(shapes) and all(any(a <= m.start() < b for a, b in spans) for m in shapes)


def _mixture(text: str, found: list[tuple[int, str]]) -> Motif:
    """One family alone, or two: the one that is folded is what the other's pattern is *of*."""
    first = found[0][1]
    if len(found) == 1:
        return Motif(first)
    second = found[1][1]
    between = text.lower()[found[0][0] : found[1][0]]
    if "," in between or ";" in between:
        return Motif(first)
    # "mandala of fire" folds the first, "marble tunnel" the last
    order = (first, second) if HEAD.search(between) else (second, first)
    for fold, fill in (order, order[::-1]):
        if fold in FOLDS and not FAMILIES[fill].splats:
            return Motif(fill, fold)
    return Motif(first)
