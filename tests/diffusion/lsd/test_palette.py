"""Input pictures in the colours of a prompt."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from phosphene.config import DiffusionConfig, InferenceConfig
from phosphene.diffusion.lsd.palette import LUMA, dye, palette_of, tone_curve
from phosphene.diffusion.lsd.pipeline import LSDPipeline

pictures = arrays(np.uint8, (16, 12, 3))
GREYS = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)


@given(pictures)
def test_a_palette_goes_from_dark_to_light(picture) -> None:
    palette = palette_of(picture)
    assert palette.shape == (256, 3)
    assert (np.diff(palette @ LUMA) > -1e-2).all()


def test_a_palette_has_the_colours_of_its_picture() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:4], picture[4:] = (10, 0, 90), (250, 200, 0)
    palette = palette_of(picture)
    np.testing.assert_allclose(palette[0], (10, 0, 90))
    np.testing.assert_allclose(palette[-1], (250, 200, 0))


@given(pictures)
def test_tones_keep_their_order(picture) -> None:
    curve = tone_curve(np.rint(picture @ LUMA).astype(np.uint8))
    assert (np.diff(curve) >= 0).all()
    assert curve.min() >= 0
    assert curve.max() <= 255


@given(pictures, pictures, st.floats(0, 1))
def test_dyeing_goes_from_the_picture_to_the_palette(picture, other, amount) -> None:
    palette = palette_of(other)
    np.testing.assert_array_equal(dye(picture, palette, 0.0), picture)
    full, some = dye(picture, palette, 1.0), dye(picture, palette, amount)
    own = np.abs(full[..., None, :] - palette).max(-1).min(-1)
    assert own.max() <= 0.5 + 1e-3
    low, high = np.minimum(picture, full), np.maximum(picture, full)
    assert ((some >= low) & (some <= high)).all()


def test_dull_pictures_use_much_of_the_palette() -> None:
    dull = (100 + GREYS // 16).repeat(8, 0)
    dyed = dye(dull, palette_of(GREYS), 1.0).astype(int)
    assert int(dull.max()) - int(dull.min()) == 15
    assert dyed.max() - dyed.min() > 100


@pytest.fixture(scope="module")
def model() -> LSDPipeline:
    return LSDPipeline(DiffusionConfig(), InferenceConfig())


def test_the_prompt_gives_the_colours(model) -> None:
    frames = GREYS.repeat(256, 0)[None]
    teal = model.dress(frames, model.encode_prompt("teal ocean waves"), 0.5).mean((0, 1, 2))
    fire = model.dress(frames, model.encode_prompt("orange fire"), 0.5).mean((0, 1, 2))
    assert teal[2] > teal[0] + 30
    assert fire[0] > fire[2] + 30


def test_nothing_is_dyed_without_strength_or_prompt(model) -> None:
    frames = GREYS.repeat(256, 0)[None]
    assert model.dress(frames, model.encode_prompt("orange fire"), 0.0) is frames
    assert model.dress(frames, model.encode_prompt(""), 0.5) is frames
