"""What streams follow: pictures of any shape, changes without a blur, input pictures with a pattern."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.diffusion.lsd.guide import (
    Moment,
    Recipe,
    follow,
    guide,
    latent_size,
    luminance_field,
    on_the_way,
)
from phosphene.diffusion.lsd.render import Motif
from phosphene.metrics.picture import sharpness
from phosphene.stream.camera import CameraMove
from tests.stream.toy import OTHERS, home_of


@pytest.mark.parametrize(
    "size,latent",
    [
        ((512, 512), (64, 64)),
        ((1080, 1920), (64, 112)),
        ((1920, 1080), (112, 64)),
        ((720, 1280), (64, 112)),
        ((256, 2048), (64, 256)),
        ((480, 500), (64, 64)),
    ],
)
def test_the_short_side_is_64(size: tuple[int, int], latent: tuple[int, int]) -> None:
    assert latent_size(*size) == latent


numbers = st.floats(-1e6, 1e6, width=32)


@given(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 2**63 - 1),
    st.lists(numbers, min_size=4, max_size=4),
    st.floats(0.125, 4, width=32),
    st.floats(0, 1, width=32),
    st.booleans(),
)
def test_a_recipe_travels_as_numbers(variant, old, pose, zoom, share, changes):
    vectors = np.random.default_rng(1).standard_normal((2, 7)).astype(np.float32)
    heard = np.array([0.1, 0.2, 0.3, 0.4, 0.5], np.float32)
    moment = Moment(variant, CameraMove(zoom, *pose[:3], 0.25, pose[3]), pose[0], heard)
    told = Recipe(vectors[0], moment, (vectors[1], old) if changes else None, share)
    back = Recipe.of(told.numbers()[0])
    assert np.array_equal(back.numbers(), told.numbers())
    assert back.moment.variant == variant and back.moment.pose == moment.pose
    assert back.moment.motion == pose[0] and back.share == share
    assert np.array_equal(back.prompt, vectors[0]) and (back.before is not None) == changes
    assert back.before is None or back.before[1] == old


def edges(field: np.ndarray) -> float:
    return float(np.abs(np.diff(field, axis=-1)).mean() + np.abs(np.diff(field, axis=-2)).mean())


@pytest.mark.parametrize("pair", [("mandala", "fire"), ("cells", "waves"), ("galaxy", "tunnel")])
def test_a_change_is_never_softer_or_busier_than_both_ends(pair: tuple[str, str]) -> None:
    a, b = (guide(Motif(name), Moment(3, motion=5.0), 64, 64) for name in pair)
    low, high = sorted((edges(a), edges(b)))
    for share in np.linspace(0, 1, 9):
        between = on_the_way(a, b, float(share), 1)
        assert 0.8 * low <= edges(between) <= 1.2 * high
    assert np.array_equal(on_the_way(a, b, 0.0, 1), a)
    assert np.array_equal(on_the_way(a, b, 1.0, 1), b)


def test_a_variant_is_its_own_and_comes_back() -> None:
    one, two, again = (guide(Motif("cells"), Moment(v), 64, 64) for v in (1, 2, 1))
    assert np.array_equal(one, again) and np.abs(one - two).mean() > 0.05
    assert one.shape == (1, 2, 64, 64) and np.abs(one).max() <= 1


def picture() -> np.ndarray:
    y, x = np.mgrid[:240, :320]
    disc = (x - 160) ** 2 + (y - 120) ** 2 < 80**2
    return np.where(disc[..., None], (240, 220, 200), (30, 40, 60)).astype(np.uint8)


def test_a_picture_in_keeps_its_shapes_and_shows_the_pattern() -> None:
    source = luminance_field(picture()[None], 64, 88)
    assert source.shape == (1, 2, 64, 88) and np.abs(source).max() <= 1
    drawn = guide(Motif("hexagons"), Moment(1, motion=2.0), 64, 88)
    mixed = follow(source, drawn, 0.5)
    place = mixed[0, 0]
    assert np.corrcoef(place.ravel(), source[0, 0].ravel())[0, 1] > 0.6
    # inside the disc the input is flat: what is seen there is the prompt's
    inside = (slice(24, 40), slice(36, 52))
    assert source[0, 0][inside].std() < 0.02 < 0.05 < place[inside].std()
    assert np.array_equal(follow(source, drawn, 0.0), source)
    assert np.array_equal(follow(source, drawn, 1.0), drawn)


@pytest.mark.parametrize("backend", OTHERS)
def test_a_picture_is_followed_alike_wherever_its_arrays_live(backend: str) -> None:
    source = luminance_field(picture()[None], 64, 88)
    drawn = guide(Motif("hexagons"), Moment(1, motion=2.0), 64, 88)
    home = home_of(backend)
    there = follow(home.float32(source), home.float32(drawn), 0.5)
    # the library's own, so that nothing went over the host
    assert type(there) is type(home.float32(source))
    np.testing.assert_allclose(np.asarray(there), follow(source, drawn, 0.5), atol=1e-3)


def test_a_grey_picture_is_no_error() -> None:
    field = luminance_field(np.full((2, 100, 100, 3), 90, np.uint8), 64, 64)
    assert np.isfinite(field).all() and field.std() < 0.3
    assert sharpness(np.full((64, 64, 3), 90, np.uint8)) == pytest.approx(0)
