"""The ablation table: which of the means against drift does how much, at which horizon.

Looks at fields only, with the networks alone and no engine around them, so that nothing helps them but
what they learned.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phosphene.diffusion.lsd.nets import LsdNets
from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.errors import InputError
from phosphene.stream.memory import ContextMemory, read, remember

FloatArray = npt.NDArray[np.float32]
HORIZONS = (16, 64, 256, 1024, 10_000)
STREAM_T = 0.7
PROMPTS = ("crimson spiral", "cyan hexagons", "violet nebula", "gold mandala")
AUDIO = np.array([[0.5, 0.5, 0.5, 0.0, 0.0]], np.float32)


@dataclass(frozen=True)
class AblationRow:
    """One network of the table."""

    name: str
    horizons: tuple[int, ...]
    contrast: tuple[float, ...]
    """deviation of the fields around each horizon over that of the first frames"""
    detail: tuple[float, ...]
    """difference of neighbours, likewise"""
    motion: tuple[float, ...]
    """change between frames, likewise"""

    def describe(self) -> str:
        """One line: contrast / detail / motion at every horizon."""
        cells = [
            f"{h}: {c:.2f}/{d:.2f}/{m:.2f}"
            for h, c, d, m in zip(
                self.horizons, self.contrast, self.detail, self.motion, strict=True
            )
        ]
        return f"{self.name:36} " + "  ".join(cells)


def ablation(folder: Path, frames: int) -> tuple[AblationRow, ...]:
    """A row for each network that `phosphene train --ablation` made in ``folder``.

    Raises :class:`~phosphene.errors.InputError` if there is no such table.
    """
    path = folder / "ablation.json"
    if not path.exists():
        raise InputError(f"{folder} holds no ablation: make it with `phosphene train --ablation`.")
    names = json.loads(path.read_text(encoding="utf-8"))
    return tuple(
        row_of(name, folder / name / "weights", frames)
        for name in names
        if (folder / name / "weights" / "denoiser.onnx").exists()
    )


def row_of(name: str, weights: Path, frames: int, size: int = 64) -> AblationRow:
    """Run the networks of ``weights`` on their own outputs and look back at every horizon."""
    nets, text = LsdNets(threads=1, weights=weights), TextEncoder(weights / "text.npz")
    vectors = np.stack([text.encode(prompt) for prompt in PROMPTS])[:, None]
    horizons = tuple(h for h in HORIZONS if h <= frames)
    figures = np.array([_figures(*pair) for pair in _stream(nets, vectors, max(horizons), size)])
    first = figures[: min(8, len(figures))].mean(axis=0)
    rows = np.stack([figures[max(0, h - 8) : h].mean(axis=0) / first for h in horizons])
    columns = [tuple(float(v) for v in column) for column in rows.T]
    return AblationRow(name, horizons, *columns)


def _stream(
    nets: LsdNets, text: FloatArray, frames: int, size: int
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """(picture, picture before) of every frame; four streams side by side, memory and all."""
    rng = np.random.default_rng(0)
    b = len(text)
    shape = (b, 2, size, size)
    held = rng.standard_normal(shape).astype(np.float32)
    audio = np.repeat(AUDIO, b, axis=0)
    last = _first(nets, held, text, audio)
    before: FloatArray | None = None
    memory = ContextMemory()
    t: FloatArray = np.full(b, STREAM_T, np.float32)
    for frame in range(frames):
        memory = remember(memory, last, frame)
        seen = read(memory, frame + 1)
        latents, ages = (None, None) if seen is None else seen
        fresh = rng.standard_normal(shape).astype(np.float32)
        noise = 0.7 * held + 0.714 * fresh
        x = np.asarray((1 - STREAM_T) * last + STREAM_T * noise, np.float32)
        velocity = nets.denoise(
            x,
            t,
            text,
            previous=last,
            audio=audio,
            before=before,
            memory=latents,
            memory_age=ages,
        )
        before, last = last, x - np.float32(STREAM_T) * velocity
        yield last, before


def _first(nets: LsdNets, noise: FloatArray, text: FloatArray, audio: FloatArray) -> FloatArray:
    x = noise
    for now, after in ((1.0, 0.75), (0.75, 0.5), (0.5, 0.25), (0.25, 0.0)):
        t = np.full(len(x), now, np.float32)
        x = x + np.float32(after - now) * nets.denoise(x, t, text, audio=audio)
    return x


def _figures(picture: FloatArray, before: FloatArray) -> tuple[float, float, float]:
    detail = np.abs(np.diff(picture, axis=-1)).mean() + np.abs(np.diff(picture, axis=-2)).mean()
    return float(picture.std()), float(detail), float(np.abs(picture - before).mean())
