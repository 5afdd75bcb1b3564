"""Pictures before their colours."""

from __future__ import annotations

import numpy as np
import pytest

from phosphene.diffusion.lsd.fields import BRIGHTEST, LIGHTS, between, coloured, colours

RED_TO_BLUE = np.linspace((200, 0, 0), (0, 0, 200), 256).astype(np.uint8)
ONE = round(255 / BRIGHTEST)
"""light in which a palette shows its own colours"""


def field(place: int, light: int) -> np.ndarray:
    return np.array([place, light], np.uint8)[:, None, None]


@pytest.mark.parametrize("place", [0, 77, 255])
def test_in_plain_light_a_palette_shows_its_own_colours(place: int) -> None:
    seen = coloured(field(place, ONE), colours(RED_TO_BLUE))[0, 0].astype(int)
    assert np.abs(seen - RED_TO_BLUE[place]).max() <= 4


def test_light_dims_and_glares() -> None:
    table = colours(RED_TO_BLUE)
    dark, dim, glare = (coloured(field(0, light), table)[0, 0] for light in (0, ONE // 2, 255))
    assert tuple(dark) == (0, 0, 0)
    assert 80 < dim[0] < 120 and dim[1] == 0
    # what is brighter than can be shown turns towards white
    assert glare[0] == 255 and glare[1] == glare[2] > 30


def test_every_place_and_light_is_looked_up() -> None:
    places, lights = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
    table = colours(RED_TO_BLUE)
    seen = coloured(np.stack([places, lights]).astype(np.uint8), table)
    assert np.array_equal(seen, table[places, lights * LIGHTS // 256])


def test_between_two_fields_lies_their_mixture() -> None:
    now, after = field(10, 200), field(50, 0)
    assert np.array_equal(between(now, after, 0.0), now)
    assert np.array_equal(between(now, after, 1.0), after)
    assert between(now, after, 0.25).ravel().tolist() == [20, 150]
