"""The one or two colours that a prompt names, and pictures' palettes made of them.

Colour words in the text are taken as they stand. Of a vector alone, or where the text has none, what
of it lies among the colours is compared with single colour words and with the sums of two, for it is a
mean of word vectors. The bank's own palettes are for what has a look and no colour's name.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

COLOURS = {
    "red": "e01b24", "crimson": "c8102e", "scarlet": "ff2a12", "maroon": "7a0c24", "coral": "ff7f5c",
    "orange": "ff6a00", "amber": "ffb414", "gold": "e6ac1e", "yellow": "ffe01e", "lime": "aeea1e",
    "green": "1eaa46", "emerald": "12b46e", "olive": "7d8c28", "mint": "96f0c8", "teal": "0c8c8c",
    "turquoise": "28d2c8", "cyan": "1ee0f5", "blue": "1e50e6", "navy": "142878", "azure": "2896ff",
    "indigo": "4628b4", "violet": "8c3cf0", "purple": "8220b4", "lavender": "bea0f5",
    "magenta": "f01eb4", "hot pink": "ff2a96", "pink": "ff82be", "rose": "f54678",
    "brown": "82502d", "copper": "c3733c", "beige": "e6d7b4", "white": "fafafa", "silver": "bec3cd",
    "grey": "828282", "black": "0a0a0e",
}  # fmt: skip
ALSO = {
    "golden": "gold", "ochre": "gold", "mustard": "gold", "gray": "grey", "aqua": "cyan",
    "fuchsia": "magenta", "lilac": "lavender", "mauve": "lavender", "amethyst": "violet",
    "plum": "purple", "ruby": "crimson", "burgundy": "maroon", "wine": "maroon", "salmon": "coral",
    "peach": "coral", "tangerine": "orange", "honey": "amber", "lemon": "yellow", "chartreuse": "lime",
    "jade": "emerald", "sapphire": "blue", "cobalt": "blue", "rust": "copper", "bronze": "copper",
    "chocolate": "brown", "sepia": "brown", "ivory": "beige", "cream": "beige", "vermilion": "scarlet",
    "raspberry": "rose", "cerulean": "azure", "ultramarine": "indigo", "periwinkle": "lavender",
    "khaki": "olive", "auburn": "copper", "ebony": "black",
}  # fmt: skip
"""other words for them, in the text only"""
# the longer names first: "hot pink" is not pink
_NAMES = re.compile(rf"\b({'|'.join(sorted((*COLOURS, *ALSO), key=len, reverse=True))})\b")
HEARD = 256
"""prompts whose words are remembered"""
GREYS = frozenset({"white", "silver", "grey", "black"})
"""no colours of a picture by themselves: the bank has a palette of them all"""
NAMED, CLEAR = 0.7, 0.75
"""cosines from which one colour, and two, are what a prompt names"""
BETTER = 0.08
"""by how much two must explain it better than one"""
SHADE, GLOW = 0.12, 0.45
"""how dark the darker colour begins, and how far to white the lighter one ends"""
STOPS = (0.0, 0.35, 0.72, 1.0)
ALONE = (0.0, 0.55, 1.0)
DUSK, BLAZE = 0.08, 0.45
"""where a single colour is itself, between how dark it begins and how far to white it ends"""


class Tints:
    """Finds the colours that a prompt names.

    Args:
        encode: a word -> its vector (dim,).
        basis: (rank, dim) the directions in which colour words differ.
    """

    def __init__(self, encode: Callable[[str], FloatArray], basis: FloatArray) -> None:
        self._basis = basis
        self._ones = np.stack([basis @ encode(word) for word in COLOURS])
        self._pairs = tuple(combinations(range(len(COLOURS)), 2))
        first, second = np.array(self._pairs).T
        self._twos = _unit(self._ones[first] + self._ones[second])
        self._ones = _unit(self._ones)
        self._heard: OrderedDict[bytes, tuple[str, ...]] = OrderedDict()

    def hear(self, text: str, vector: FloatArray) -> None:
        """Remember the colour words of the prompt that became ``vector`` (dim,)."""
        self._heard[vector.tobytes()] = words_in(text)
        while len(self._heard) > HEARD:
            self._heard.popitem(last=False)

    def named(self, vector: FloatArray) -> tuple[str, ...]:
        """One or two colour words of a prompt vector (dim,), the darker first; none if it names none."""
        found = self._heard.get(vector.tobytes()) or self._meant(vector)
        chromatic = len(found) == 2 or not GREYS.issuperset(found)
        return tuple(sorted(found, key=lambda word: float(_rgb(word).mean()))) if chromatic else ()

    def _meant(self, vector: FloatArray) -> tuple[str, ...]:
        words = tuple(COLOURS)
        meant = _unit(self._basis @ vector)
        ones, twos = self._ones @ meant, self._twos @ meant
        one, two = int(np.argmax(ones)), int(np.argmax(twos))
        if twos[two] >= max(CLEAR, float(ones[one]) + BETTER):
            return tuple(words[index] for index in self._pairs[two])
        return (words[one],) if ones[one] >= NAMED else ()


def words_in(text: str) -> tuple[str, ...]:
    """The first two colour words of a text, in its order."""
    found = _NAMES.findall(text.lower())
    return tuple(dict.fromkeys(ALSO.get(word, word) for word in found))[:2]


def gradient(words: tuple[str, ...]) -> FloatArray:
    """(256, 3) colours 0..255 from shade to light, through one colour or two."""
    dark, light = _rgb(words[0]), _rgb(words[-1])
    if len(words) == 1:
        return _between(ALONE, (DUSK * light, light, light + BLAZE * (255 - light)))
    return _between(STOPS, (SHADE * dark, dark, light, light + GLOW * (255 - light)))


def _between(places: Sequence[float], colours: Sequence[FloatArray]) -> FloatArray:
    at = np.linspace(0, 1, 256)
    channels = np.stack(colours).T
    return np.stack([np.interp(at, places, each) for each in channels], axis=1).astype(np.float32)


def _rgb(word: str) -> FloatArray:
    return np.array(list(bytes.fromhex(COLOURS[word])), np.float32)


def _unit(vectors: FloatArray) -> FloatArray:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: FloatArray = vectors / np.maximum(norms, 1e-9)
    return unit
