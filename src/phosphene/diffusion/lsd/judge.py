"""Says what a field shows: a small classifier that has seen nothing of the model, only the renderer's fields.

It learned on seeds of the renderer that the model was never shown. Used by `phosphene bench quality`.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.diffusion.lsd.nets import WEIGHTS, open_session
from phosphene.diffusion.lsd.render import FAMILIES, FOLDS, Motif
from phosphene.errors import ModelError

FloatArray = npt.NDArray[np.float32]


UNSEEN = 40
"""mixtures that no training draws: with them one sees whether mixing was learned"""


def mixtures(names: tuple[str, ...]) -> tuple[tuple[Motif, ...], tuple[Motif, ...]]:
    """Every pair of fold and family of some names: those to train on, and those that are kept aside."""
    every = [
        Motif(name, fold)
        for fold in FOLDS
        for name in names
        if fold in names and fold != name and not FAMILIES[name].splats
    ]
    every.sort(key=lambda motif: zlib.crc32(f"{motif.fold}+{motif.family}".encode()))
    aside = min(UNSEEN, len(every) // 2)
    return tuple(every[aside:]), tuple(every[:aside])


@dataclass(frozen=True)
class Facts:
    """What was written down when the judge was trained."""

    patterns: tuple[str, ...]
    words: tuple[str, ...]
    """what to call each pattern in a prompt"""
    folds: tuple[str, ...]
    """what may be folded; an empty name: nothing"""
    pattern_accuracy: float
    """on the renderer's fields of held-out seeds, 0..1: the ceiling of what it can say of the model"""


class Judge:
    """The classifier of a weights folder. Raises :class:`~phosphene.errors.ModelError` if it has none."""

    def __init__(self, folder: Path = WEIGHTS) -> None:
        try:
            told: dict[str, Any] = json.loads((folder / "judge.json").read_text(encoding="utf-8"))
        except OSError as error:
            raise ModelError(
                f"{folder} holds no judge: make one with `phosphene train --judge --out DIR`."
            ) from error
        if "folds" not in told:
            raise ModelError(
                f"the judge in {folder} is one of an earlier version: train it anew with"
                " `phosphene train --judge --out DIR`."
            )
        for name in ("patterns", "words", "folds"):
            told[name] = tuple(told[name])
        self.facts = Facts(**told)
        self._session = open_session(folder / "judge.onnx", 1)

    def patterns(self, fields: FloatArray, most: int = 1) -> tuple[tuple[str, ...], ...]:
        """The ``most`` likely patterns of each of fields (b, 2, 64, 64) in [-1, 1], likeliest first.

        Of a mixture, what fills it.
        """
        return _likeliest(self._ask("pattern", fields), self.facts.patterns, most)

    def folds(self, fields: FloatArray) -> tuple[str, ...]:
        """In what each of fields (b, 2, 64, 64) is folded, or an empty name."""
        return tuple(name for (name,) in _likeliest(self._ask("fold", fields), self.facts.folds, 1))

    def _ask(self, what: str, fields: FloatArray) -> FloatArray:
        """Logits (b, names)."""
        (told,) = self._session.run([what], {"fields": np.ascontiguousarray(fields, np.float32)})
        return np.asarray(told, np.float32)


def _likeliest(
    scores: FloatArray, names: tuple[str, ...], most: int
) -> tuple[tuple[str, ...], ...]:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :most]
    return tuple(tuple(names[k] for k in row) for row in order)
