"""Random captions: a motif by one of its names, colours, and now and then a word about its speed or contrast.

Colours say nothing about a field; they are told so that the network learns to pass them over.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from phosphene.diffusion.lsd.colours import MOODS, names
from phosphene.diffusion.lsd.render import FAMILIES, Motif


@dataclass(frozen=True)
class Modifier:
    """An adjective that changes the motion, detail or contrast of a field."""

    words: tuple[str, ...]
    speed: float = 1.0
    scale: float = 1.0
    contrast: float = 1.0


MODIFIERS = (
    Modifier(("slow", "gentle", "drifting", "lazy"), speed=0.45),
    Modifier(("fast", "rapid", "frantic", "energetic"), speed=2.0),
    Modifier(("fine", "tiny", "intricate", "detailed", "small"), scale=1.5),
    Modifier(("coarse", "large", "huge", "giant", "big", "macro"), scale=0.62),
    Modifier(("soft", "blurry", "smooth", "subtle", "faded"), contrast=0.62),
    Modifier(("sharp", "crisp", "bold", "hard", "intense"), contrast=1.4),
)

_SHAPE_ONLY = ("{m} {f}", "{f} {m}", "{f} {g} {m}")
_WITH_COLOURS = (
    "{m} {c} {f}",
    "{c} {f} {m}",
    "{f} in {c} {m}",
    "{f} made of {c} {m}",
    "{f} of {c} light {m}",
    "{c} {f} {g} {m}",
)
_COLOUR_ONLY = ("{m} {c}",)
_MIXED = ("{o} of {f}", "{f} {o}", "{o} made of {f}", "{f} in {o}")
UNCOLOURED, SHAPELESS = 0.3, 0.03
"""shares of captions without colours, and without a shape"""
FIRST_NAME = 0.5
"""mixtures whose fold has its own name; its other names are rarer"""


def caption(rng: random.Random, motif: Motif, modifier: Modifier | None) -> str:
    """A text about a motif as ``modifier`` changes it."""
    shape, again = (rng.choice(FAMILIES[motif.family].words) for _ in range(2))
    if motif.fold is not None:
        called = FAMILIES[motif.fold].words
        fold = called[0] if rng.random() < FIRST_NAME else rng.choice(called)
        shape, again = rng.choice(_MIXED).format(o=fold, f=shape), ""
    kind = rng.random()
    templates = (
        _SHAPE_ONLY
        if kind < UNCOLOURED
        else _COLOUR_ONLY
        if kind < UNCOLOURED + SHAPELESS
        else _WITH_COLOURS
    )
    change = rng.choice(modifier.words) if modifier else ""
    text = rng.choice(templates).format(m=change, c=colour_words(rng), f=shape, g=again)
    return " ".join(text.split())


def colour_words(rng: random.Random) -> str:
    """One to three colour names, or a mood."""
    if rng.random() < 0.4:
        return rng.choice(rng.choice(MOODS).words)
    count = rng.choices((1, 2, 3), (5, 5, 2))[0]
    return rng.choice((" and ", ", ", " ")).join(rng.choices(tuple(names()), k=count))
