"""Words that no caption ever held still lead somewhere that fits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("torch")

from phosphene.diffusion.lsd.seeds import SeedBank
from phosphene.diffusion.lsd.text import TextEncoder, words
from phosphene.training.render import FAMILIES
from phosphene.training.render.words import MODIFIERS, MOODS
from phosphene.training.seeds import PALETTES
from phosphene.training.shape_words import NEAR

# word: families that would please who asked for it
UNSEEN = {
    "asteroid": "orb stars galaxy nebula",
    "astronaut": "nebula galaxy stars orb",
    "blizzard": "clouds smoke lightning vortex kaleidoscope crystal aurora",
    "bokeh": "dots bubbles orb stars",
    "butterfly": "flower scales kaleidoscope",
    "canal": "waves ripples tunnel",
    "candle": "fire",
    "cavern": "tunnel",
    "chessboard": "checker",
    "cigarette": "smoke",
    "circuitry": "hexagons lightning",
    "cobweb": "labyrinth stained_glass mandala",
    "comet": "orb stars galaxy nebula",
    "dandelion": "flower",
    "dolphin": "waves caustics",
    "eruption": "fire mountains rays",
    "fern": "flower labyrinth",
    "funnel": "tunnel vortex",
    "gale": "flow_field clouds waves vortex",
    "glacier": "crystal mountains aurora",
    "harbour": "waves",
    "hologram": "kaleidoscope grid glitch neon_curves rays hexagons",
    "lantern": "fire rays orb",
    "lighthouse": "rays waves",
    "meteor": "orb stars galaxy nebula",
    "molecule": "cells",
    "monsoon": "rain_glass lightning vortex waves ripples clouds",
    "mosque": "stained_glass mandala checker",
    "oak": "flower labyrinth flow_field",
    "pebble": "marble dots dunes",
    "peony": "flower",
    "plankton": "cells waves caustics",
    "pyramid": "dunes crystal",
    "rainfall": "rain_glass ripples",
    "rattlesnake": "scales",
    "satellite": "orb galaxy stars grid",
    "seaweed": "waves caustics labyrinth",
    "shark": "waves caustics scales",
    "sparks": "lightning stars fire",
    "steamboat": "smoke waves",
    "sunflower": "flower",
    "supernova": "nebula galaxy stars rays",
    "tapestry": "silk mandala stained_glass",
    "tartan": "stripes checker",
    "thunderclap": "lightning",
    "torrent": "waves vortex",
    "tsunami": "waves vortex",
    "typhoon": "vortex waves",
    "waterfall": "waves ripples rain_glass caustics",
    "whale": "waves caustics",
}


def known() -> Iterator[str]:
    """Every word of the captions, and of the lists that prompts are looked up in."""
    for family, one in FAMILIES.items():
        yield from one.words
        yield NEAR[family]
    for other in (*MOODS, *MODIFIERS):
        yield from other.words
    yield from PALETTES


@pytest.fixture(scope="module")
def bank() -> SeedBank:
    return SeedBank()


def test_the_words_are_new() -> None:
    heard = {word for text in known() for word in words(text)}
    assert len(UNSEEN) == 50
    assert not heard & set(UNSEEN)


@pytest.mark.parametrize("prompt", ["{}", "crimson {}"])
def test_unseen_words_land_near(bank: SeedBank, prompt: str) -> None:
    """Far more often than by chance: the vectors are small, and rare words are sums of parts."""
    text = TextEncoder()
    found = {word: bank.family(text.encode(prompt.format(word))) for word in UNSEEN}
    fits = [found[word] in families.split() for word, families in UNSEEN.items()]
    chance = np.mean([len(families.split()) for families in UNSEEN.values()]) / len(FAMILIES)
    assert chance < 0.065
    assert np.mean(fits) >= (0.45 if prompt == "{}" else 0.25)
