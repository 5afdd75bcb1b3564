"""Prompt text to one vector, without a tokenizer library: a small table of word-piece vectors.

The table is derived from WordLlama's static embeddings (MIT, see weights/NOTICE): principal
components of its 256 dimensions, stored as int8 with one scale per piece.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

DEFAULT_TABLE = Path(__file__).parent / "weights" / "text.npz"

_MAX_WORDS = 256  # beyond this a mean says nothing new
_MAX_WORD = 48  # characters; longer runs are not words
_UNKNOWN = 1 << 30
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_STOP_TEXT = (
    "a an and are as at be been but by for from had has have he her his i if in into is it its "
    "made me my of on or our over she so some such than that the their them then there these they "
    "this those through to under very was we were what when where which while who will with you "
    "your"
)
STOP_WORDS = frozenset(_STOP_TEXT.split())


class TextEncoder:
    """Weighted mean of word-piece vectors, scaled to unit variance per dimension.

    Near words give near vectors (crimson and red), order is ignored, unknown characters are skipped.
    """

    def __init__(self, table: Path = DEFAULT_TABLE) -> None:
        with np.load(table) as data:
            pieces = bytes(data["pieces"]).decode("utf-8").split("\n")
            scale = data["scale"].astype(np.float32)
            self._vectors: npt.NDArray[np.float32] = (
                data["vectors"].astype(np.float32) * scale[:, None]
            )
        self._index = {piece: i for i, piece in enumerate(pieces)}
        # merging pieces is the slow part, and captions use the same words again and again
        self._word = functools.lru_cache(maxsize=8192)(self._look_up)
        self.dim = int(self._vectors.shape[1])
        self.seq = 1

    def encode(self, text: str) -> npt.NDArray[np.float32]:
        """(dim,) of a plain prompt; text without a known word gives zeros, the null embedding."""
        return self.encode_words([(text, 1.0)])

    def encode_words(self, spans: Sequence[tuple[str, float]]) -> npt.NDArray[np.float32]:
        """(dim,) of text spans with their weights, norm sqrt(dim).

        Zeros when no word is known or all weights are 0. Only the ratio of the weights matters;
        a negative weight pushes away from its words.
        """
        total = np.zeros(self.dim, np.float32)
        for text, weight in spans:
            for word in words(text):
                total += weight * self._word(word)
        norm = float(np.linalg.norm(total))
        if not np.isfinite(norm) or norm < 1e-6:
            return np.zeros(self.dim, np.float32)
        total *= self.dim**0.5 / norm
        return total

    def pieces(self, word: str) -> list[int]:
        """Indices of a word's pieces by byte-pair merging, the most frequent pair first.

        Unknown characters are skipped.
        """
        parts = list("\u2581" + word[:_MAX_WORD])
        while len(parts) > 1:
            ranks = [self._index.get(a + b, _UNKNOWN) for a, b in itertools.pairwise(parts)]
            best = min(ranks)
            if best == _UNKNOWN:
                break
            at = ranks.index(best)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return [self._index[p] for p in parts if p in self._index]

    def _look_up(self, word: str) -> npt.NDArray[np.float32]:
        rows = self.pieces(word)
        if not rows:
            return np.zeros(self.dim, np.float32)
        mean: npt.NDArray[np.float32] = self._vectors[rows].mean(axis=0)
        return mean


def words(text: str) -> list[str]:
    """Lower-case content words; an emoji counts as the words of its Unicode name."""
    spelled = "".join(_spell(ch) for ch in unicodedata.normalize("NFKC", text[:20_000]).lower())
    return [w for w in _WORD.findall(spelled) if w not in STOP_WORDS][:_MAX_WORDS]


@functools.lru_cache(maxsize=4096)
def _spell(ch: str) -> str:
    if unicodedata.category(ch) == "So":
        return f" {unicodedata.name(ch, '').lower()} "
    return ch
