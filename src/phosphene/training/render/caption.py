"""Random captions and what they ask of the renderer."""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from phosphene.training.render.colour import gradient
from phosphene.training.render.families import FAMILIES
from phosphene.training.render.words import MODIFIERS, MOODS, Modifier, colours, hex_to_rgb

_WITH = (
    "{c} {f}",
    "{f} in {c}",
    "{f}, {c}",
    "{c}, {f}",
    "{f} made of {c}",
    "{f} of {c} light",
    "{m} {c} {f}",
    "{c} {f}, {m}",
    "{m} {f}, {c}",
    "{f}, {m}, {c}",
)
_SHAPE_ONLY = ("{f}", "{m} {f}", "{f}, {m}", "{f} {g}")
_COLOUR_ONLY = ("{c}", "{m} {c}", "{c}, {m}")


@dataclass(frozen=True)
class Scene:
    """One clip's caption with the look it names. lut: (LUT_SIZE, 3)."""

    family: str
    caption: str
    lut: Tensor
    speed: float
    scale: float
    contrast: float


def _named_colours(rng: random.Random) -> tuple[str, Tensor]:
    names, rgb, weight = colours()
    picks = rng.choices(
        range(len(names)), cum_weights=weight, k=rng.choices((1, 2, 3), (5, 5, 2))[0]
    )
    joint = rng.choice((" and ", ", ", " "))
    return joint.join(names[i] for i in picks), rgb[picks]


PALETTES = 6000
"""different palettes; drawing one anew for every clip would take longer than drawing the clip"""


def palette(rng: random.Random, modifier: Modifier | None = None) -> tuple[str, Tensor]:
    """Words for a palette and its (LUT_SIZE, 3) table."""
    shaded = modifier is not None and (modifier.dark is not None or modifier.light is not None)
    return _palette(rng.randrange(PALETTES), modifier if shaded else None)


@functools.lru_cache(maxsize=3 * PALETTES)
def _palette(index: int, modifier: Modifier | None) -> tuple[str, Tensor]:
    rng = random.Random(index)
    dark, light = rng.uniform(0.55, 1.0), rng.uniform(0.3, 0.9)
    if rng.random() < 0.4:
        mood = rng.choice(MOODS)
        words, stops = rng.choice(mood.words), torch.tensor([hex_to_rgb(s) for s in mood.stops])
        stops = (stops + 0.03 * torch.tensor([rng.gauss(0, 1) for _ in range(3)])).clamp(0, 1)
        dark, light = mood.dark, mood.light
    else:
        words, stops = _named_colours(rng)
    if modifier is not None:
        dark = dark if modifier.dark is None else modifier.dark
        light = light if modifier.light is None else modifier.light
    return words, gradient(stops, dark=dark, light=light)


def random_scene(rng: random.Random, family: str) -> Scene:
    """A caption about `family`: two in ten leave the colours out, one in ten the shape."""
    modifier = rng.choice(MODIFIERS)
    kind = rng.random()
    template = rng.choice(_SHAPE_ONLY if kind < 0.15 else _COLOUR_ONLY if kind < 0.25 else _WITH)
    used = modifier if "{m}" in template else None
    words, lut = palette(rng, used)
    names = rng.sample(FAMILIES[family].words, 2)
    caption = template.format(c=words, f=names[0], g=names[1], m=rng.choice(modifier.words))
    jitter = rng.uniform(0.85, 1.2)
    return Scene(
        family=family,
        caption=caption,
        lut=lut,
        speed=used.speed if used else 1.0,
        scale=jitter * (used.scale if used else 1.0),
        contrast=used.contrast if used else 1.0,
    )


def recolour(rng: random.Random, scene: Scene) -> Scene:
    """The same shapes and motion in other colours, captioned anew."""
    words, lut = palette(rng)
    name = rng.choice(FAMILIES[scene.family].words)
    caption = rng.choice(_WITH[:6]).format(c=words, f=name)
    return replace(scene, caption=caption, lut=lut)
