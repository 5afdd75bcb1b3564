"""Colours of words: exact, both of two, unknown ones by nature."""

from __future__ import annotations

import numpy as np
import pytest

from phosphene.diffusion.lsd.colours import MOODS, NATURAL, gradient, moods, named, names, palette
from phosphene.diffusion.lsd.render import FAMILIES
from phosphene.palettes import to_oklab


def nearest(colours: np.ndarray, hexadecimal: str) -> float:
    rgb = np.array(list(bytes.fromhex(hexadecimal)), np.float32)
    return float(np.abs(colours - rgb).max(-1).min())


@pytest.mark.parametrize("name", sorted(names())[::7])
def test_a_colours_name_gives_the_colour_to_the_letter(name: str) -> None:
    assert nearest(palette(f"{name} mandala", "mandala"), names()[name]) < 1


@pytest.mark.parametrize(
    "text,wanted",
    [
        ("#ff8800 fire", ("ff8800",)),
        ("fire, #F80 and #0080ff", ("ff8800", "0080ff")),
        ("crimson and gold mandala", ("c8102e", "e6ac1e")),
        ("hot pink tunnel", ("ff2a96",)),
        ("robin's egg blue waves", ("98eff9",)),
    ],
)
def test_what_is_named_is_found(text: str, wanted: tuple[str, ...]) -> None:
    assert named(text).colours == wanted
    assert all(nearest(palette(text, "fire"), colour) < 1 for colour in wanted)


@pytest.mark.parametrize("two", [("c8102e", "e6ac1e"), ("0a0a0e", "fafafa"), ("1e50e6", "ff6a00")])
def test_both_of_two_colours_have_their_share(two: tuple[str, str]) -> None:
    lab = to_oklab(gradient([np.array(list(bytes.fromhex(c)), np.float32) for c in two]))
    ends = to_oklab(np.array([list(bytes.fromhex(c)) for c in two], np.float32))
    near = np.linalg.norm(lab[:, None] - ends[None], axis=-1).argmin(1)
    assert 0.25 < near.mean() < 0.75


def test_palettes_run_from_dark_to_light() -> None:
    for text in ("fire", "crimson and gold", "emerald", "neon", "black and white", "pastel"):
        lightness = to_oklab(palette(text, "fire"))[:, 0]
        assert lightness[0] < lightness[128] and lightness[128] < lightness[-1] + 0.15


def test_what_is_dark_stays_dark() -> None:
    plain, dark = (palette(text, "fire").mean() for text in ("fire", "dark fire"))
    assert dark < plain


def test_a_mood_with_a_colour_has_the_colour_and_the_mood() -> None:
    mixed = palette("magenta synthwave grid", "grid")
    assert nearest(mixed, "f01eb4") < 1
    assert nearest(mixed, "4af0f0") < 12


def test_every_family_has_colours_by_nature() -> None:
    told = " ".join(NATURAL.values()).split()
    assert sorted(told) == sorted(set(told)) and set(told) == set(FAMILIES)
    assert set(NATURAL) <= set(moods()) and len(MOODS) > 20
    assert palette("fire", "fire")[160, 0] > palette("fire", "fire")[160, 2] + 60


def test_snow_is_no_colour_and_neither_is_nothing() -> None:
    assert named("snow over the sea").colours == ()
    assert named("").colours == () and palette("", "").shape == (256, 3)
