"""Words to shapes: named ones as they stand, two as a mixture, others by meaning."""

from __future__ import annotations

from functools import cache

import pytest

from phosphene.diffusion.lsd.motifs import Reader, phrases
from phosphene.diffusion.lsd.render import FAMILIES, Motif
from phosphene.diffusion.lsd.text import TextEncoder


@cache
def encoder() -> TextEncoder:
    return TextEncoder()


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(encoder())


def read(reader: Reader, text: str) -> Motif:
    return reader.read(text, encoder().encode(text)).motif


@pytest.mark.parametrize("name", FAMILIES)
def test_every_word_of_a_family_means_it_whatever_the_colour(name: str, reader: Reader) -> None:
    for word in FAMILIES[name].words:
        reading = reader.read(f"crimson and gold {word}", encoder().encode(word))
        assert reading.sure and reading.motif == Motif(phrases()[word])
    assert phrases()[FAMILIES[name].words[0]] == name


@pytest.mark.parametrize(
    "text,motif",
    [
        ("mandala of fire", Motif("fire", "mandala")),
        ("hexagons of electric blue lightning", Motif("lightning", "hexagons")),
        ("marble tunnel", Motif("marble", "tunnel")),
        ("cells full of stars", Motif("stars", "cells")),
        ("purple smoke kaleidoscope", Motif("smoke", "kaleidoscope")),
        # a comma lists, it does not mix; fireworks cannot be folded
        ("marble, ink in water", Motif("marble")),
        ("mandala of fireworks", Motif("mandala")),
        # one thing in two words
        ("neon pink spiral galaxy", Motif("galaxy")),
        # roses are flowers here, and a colour there
        ("roses", Motif("flower")),
        ("rose spiral", Motif("spiral")),
    ],
)
def test_prompts_mean_what_they_say(text: str, motif: Motif, reader: Reader) -> None:
    assert read(reader, text) == motif


@pytest.mark.parametrize(
    "text,likely",
    [
        ("a burning campfire blazes", {"fire"}),
        ("honeybee", {"hexagons", "flower", "stripes"}),
        ("seashore", {"waves", "dunes", "mountains"}),
    ],
)
def test_other_words_are_taken_by_meaning_and_said_so(
    text: str, likely: set[str], reader: Reader
) -> None:
    reading = reader.read(text, encoder().encode(text))
    assert reading.motif.family in likely


def test_no_words_at_all_are_no_error(reader: Reader) -> None:
    reading = reader.read("", encoder().encode(""))
    assert reading.motif.family in FAMILIES


@pytest.mark.parametrize("text", ["crimson", "#ff8800 and gold", "the blue"])
def test_colours_alone_leave_the_pattern_open(text: str, reader: Reader) -> None:
    reading = reader.read(text, encoder().encode(text))
    assert reading.sure and reading == reader.read(text, encoder().encode(text))
    assert len({read(reader, word) for word in ("red", "blue", "green", "gold", "teal")}) > 2
