"""The caption vocabulary: colour names, moods and modifiers."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

import torch
from torch import Tensor

from phosphene.diffusion.lsd.colours import MOODS, Mood

__all__ = ["MODIFIERS", "MOODS", "Modifier", "Mood", "colours", "hex_to_rgb"]


@dataclass(frozen=True)
class Modifier:
    """An adjective that changes the motion, detail, edges or exposure of a picture."""

    words: tuple[str, ...]
    speed: float = 1.0
    scale: float = 1.0
    contrast: float = 1.0
    dark: float | None = None
    light: float | None = None


MODIFIERS = (
    Modifier(("slow", "gentle", "drifting", "lazy"), speed=0.45),
    Modifier(("fast", "rapid", "frantic", "energetic"), speed=2.0),
    Modifier(("fine", "tiny", "intricate", "detailed", "small"), scale=1.5),
    Modifier(("coarse", "large", "huge", "giant", "big", "macro"), scale=0.62),
    Modifier(("soft", "blurry", "smooth", "subtle", "faded"), contrast=0.62),
    Modifier(("sharp", "crisp", "bold", "hard", "intense"), contrast=1.4),
    Modifier(("dark", "shadowy", "black", "dim"), dark=1.0, light=0.25),
    Modifier(("bright", "glowing", "light", "luminous", "white"), dark=0.35, light=1.0),
)


def hex_to_rgb(text: str) -> tuple[float, float, float]:
    """`#rrggbb` or `rrggbb` to sRGB in [0, 1]."""
    text = text.lstrip("#")
    return tuple(int(text[i : i + 2], 16) / 255 for i in (0, 2, 4))  # type: ignore[return-value]


@functools.cache
def colours() -> tuple[tuple[str, ...], Tensor, tuple[float, ...]]:
    """Names, (k, 3) sRGB, and cumulated sampling weights: vivid colours and plain names come up more."""
    text = (
        resources.files("phosphene.diffusion.lsd")
        .joinpath("colours.tsv")
        .read_text(encoding="utf-8")
    )
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    names = tuple(name for name, _ in rows)
    rgb = torch.tensor([hex_to_rgb(value) for _, value in rows])
    vivid = rgb.amax(1) - rgb.amin(1)
    plain = torch.tensor([3.0 if name in _BASIC else 1.0 for name in names])
    return names, rgb, tuple(((0.12 + vivid**1.5) * plain**2).cumsum(0).tolist())


_BASIC_TEXT = (
    "red orange yellow green blue purple pink cyan magenta teal turquoise violet crimson scarlet "
    "gold navy lime aqua indigo white black gray brown coral salmon lavender maroon"
)
_BASIC = frozenset(_BASIC_TEXT.split())
