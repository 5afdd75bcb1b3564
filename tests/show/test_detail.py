"""Fine lines of the source go back; light, colours and large shapes stay as they were drawn."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageFilter

from phosphene.metrics import sharpness
from phosphene.show.detail import detail_gain, with_lines

FRAMES = arrays(np.uint8, (32, 48, 3))


def footage() -> np.ndarray:
    """Shapes with fine stripes on them."""
    x, y = np.arange(160), np.arange(96)[:, None]
    grey = 128 + 60 * np.sin(x / 30) * np.cos(y / 25) + 25 * np.sin(1.6 * x + 0.9 * y)
    return np.repeat(grey[..., None], 3, -1).astype(np.uint8)


def blurred(frame: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(frame).filter(ImageFilter.GaussianBlur(5)))


def test_lines_come_back_and_colour_stays() -> None:
    source = footage()
    tinted = (blurred(source) * np.array([1.0, 0.4, 0.6])).astype(np.uint8)
    lined = with_lines(tinted, source, 1.0)
    assert sharpness(tinted) < 0.1 * sharpness(source)
    assert 0.7 < sharpness(lined) / sharpness(source) < 1.3
    assert np.abs(lined.mean(axis=(0, 1)) - tinted.mean(axis=(0, 1))).max() < 1.5
    half = with_lines(tinted, source, 0.5)
    assert sharpness(tinted) < sharpness(half) < sharpness(lined)


@given(FRAMES)
def test_a_pictures_own_lines_change_nothing(frame: np.ndarray) -> None:
    np.testing.assert_array_equal(with_lines(frame, frame, 1.0), frame)


@given(FRAMES, FRAMES)
def test_nothing_is_asked_nothing_changes(drawn: np.ndarray, source: np.ndarray) -> None:
    np.testing.assert_array_equal(with_lines(drawn, source, 0.0), drawn)


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_share_is_whole_until_the_video_is_ignored(detail: float, strength: float) -> None:
    assert 0 <= detail_gain(detail, strength) <= detail
    assert detail_gain(detail, 1.0) == 0
    if strength <= 0.9:
        assert np.isclose(detail_gain(detail, strength), detail)
