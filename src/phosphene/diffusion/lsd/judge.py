"""Says what a picture shows: a small classifier that has seen nothing of the model, only rendered clips.

It learned on seeds of the renderer that the model was never shown. Used by `phosphene bench quality`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.diffusion.lsd.nets import WEIGHTS, open_session
from phosphene.errors import ModelError

Frames = npt.NDArray[np.uint8]
SIDE = 64
"""pixels a side that it looks at"""


@dataclass(frozen=True)
class Verdict:
    """Most likely pattern and palette of every picture, by name."""

    patterns: tuple[str, ...]
    palettes: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """What was written down when the judge was trained."""

    patterns: tuple[str, ...]
    words: tuple[str, ...]
    """what to call each pattern in a prompt"""
    palettes: tuple[str, ...]
    """each is also the words of a prompt"""
    pattern_accuracy: float
    """on rendered pictures of held-out seeds, 0..1: the ceiling of what it can say of the model"""
    palette_accuracy: float
    sharpness: float
    """of rendered pictures at 256 x 256, see `phosphene.metrics.sharpness`; mean over the patterns"""
    contrast: float
    saturation: float


class Judge:
    """The classifier of a weights folder. Raises :class:`~phosphene.errors.ModelError` if it has none."""

    def __init__(self, folder: Path = WEIGHTS) -> None:
        try:
            told: dict[str, Any] = json.loads((folder / "judge.json").read_text(encoding="utf-8"))
        except OSError as error:
            raise ModelError(
                f"{folder} holds no judge: make one with `phosphene train --judge --out DIR`."
            ) from error
        for name in ("patterns", "words", "palettes"):
            told[name] = tuple(told[name])
        self.facts = Facts(**told)
        self._session = open_session(folder / "judge.onnx", 1)

    def clarity(self, pattern: str, frames: Frames) -> npt.NDArray[np.float32]:
        """How surely each of uint8 (b, h, w, 3) shows a pattern: logarithms of probabilities, (b,)."""
        score = self._ask(frames)[0]
        peak = score.max(axis=1)
        total: npt.NDArray[np.float32] = peak + np.log(np.exp(score - peak[:, None]).sum(axis=1))
        return score[:, self.facts.patterns.index(pattern)] - total

    def __call__(self, frames: Frames) -> Verdict:
        """uint8 (b, h, w, 3), sides multiples of `SIDE`."""
        pattern, palette = self._ask(frames)
        return Verdict(
            tuple(self.facts.patterns[i] for i in pattern.argmax(1)),
            tuple(self.facts.palettes[i] for i in palette.argmax(1)),
        )

    def _ask(self, frames: Frames) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Logits (b, patterns) and (b, palettes)."""
        pattern, palette = self._session.run(None, {"frames": shrink(frames)})
        return pattern, palette


def shrink(frames: Frames) -> npt.NDArray[np.float32]:
    """(b, 3, SIDE, SIDE) in [0, 1] by averaging blocks."""
    b, h, w, _ = frames.shape
    blocks = frames.reshape(b, SIDE, h // SIDE, SIDE, w // SIDE, 3).astype(np.float32)
    return np.ascontiguousarray(blocks.mean(axis=(2, 4)).transpose(0, 3, 1, 2) / 255)
