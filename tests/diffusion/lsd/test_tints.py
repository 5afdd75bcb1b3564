"""The colours that prompts name."""

from __future__ import annotations

import numpy as np
import pytest

from phosphene.diffusion.lsd.seeds import SeedBank
from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.diffusion.lsd.tints import ALSO, COLOURS, Tints, gradient, words_in


@pytest.fixture(scope="module")
def text() -> TextEncoder:
    return TextEncoder()


@pytest.fixture(scope="module")
def tints(text: TextEncoder) -> Tints:
    return Tints(text.encode, SeedBank().colours)


@pytest.mark.parametrize(
    ("prompt", "pair"),
    [
        ("stained glass in teal and crimson", {"teal", "crimson"}),
        ("purple and gold nebula", {"purple", "gold"}),
        ("pink and green cells", {"pink", "green"}),
        ("red and blue glitch", {"red", "blue"}),
        ("a violet and orange spiral", {"violet", "orange"}),
        ("navy and copper tunnel", {"navy", "copper"}),
        ("black and white stripes", {"black", "white"}),
    ],
)
def test_two_colours_are_found(
    tints: Tints, text: TextEncoder, prompt: str, pair: set[str]
) -> None:
    assert set(tints.named(text.encode(prompt))) == pair
    assert set(words_in(prompt)) == pair


@pytest.mark.parametrize(
    ("prompt", "colour"),
    [("blue lightning", "blue"), ("emerald dunes", "emerald"), ("crimson kaleidoscope", "crimson")],
)
def test_one_colour_is_found(tints: Tints, text: TextEncoder, prompt: str, colour: str) -> None:
    assert tints.named(text.encode(prompt)) == (colour,)


@pytest.mark.parametrize("prompt", ["fire", "aurora", "silver rain on glass", "forest", "", "x"])
def test_no_colour_is_left_to_the_bank(tints: Tints, text: TextEncoder, prompt: str) -> None:
    assert tints.named(text.encode(prompt)) == ()


def test_jewels_and_fruit_are_colours_too() -> None:
    assert words_in("ruby and sapphire stained glass") == ("crimson", "blue")
    assert words_in("Peach clouds") == ("coral",)
    assert words_in("peaches, rubies") == ()
    assert set(ALSO.values()) <= set(COLOURS)
    assert not set(ALSO) & set(COLOURS)


def test_words_of_the_text_count_before_its_vector(tints: Tints, text: TextEncoder) -> None:
    prompt = "purple sun rays"
    vector = text.encode(prompt)
    tints.hear(prompt, vector)
    assert tints.named(vector) == ("purple",)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("Golden spiral", ("gold",)),
        ("hot pink (lava:1.2) lamp, teal", ("hot pink", "teal")),
        ("coral reef in grey", ("coral", "grey")),
        ("red, green and blue", ("red", "green")),
        ("covered in roses", ()),
    ],
)
def test_colour_words_of_a_text(prompt: str, words: tuple[str, ...]) -> None:
    assert words_in(prompt) == words


def test_a_gradient_grows_lighter_through_both() -> None:
    colours = gradient(("navy", "gold"))
    assert colours.shape == (256, 3)
    assert np.all(np.diff(colours.mean(axis=1)) >= 0)
    assert np.abs(colours - [0x14, 0x28, 0x78]).sum(axis=1).min() < 8
    assert np.abs(colours - [0xE6, 0xAC, 0x1E]).sum(axis=1).min() < 8
