"""Pairs of pictures, and videos, whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest

from phosphene import metrics
from tests.video.motion.test_optical_flow import texture


def colour(grey: np.ndarray) -> np.ndarray:
    return np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, axis=-1)


def pan(frames: int, speed: int = 2) -> list[np.ndarray]:
    """A window that moves right over a large texture: the picture moves left by ``speed`` a frame."""
    wide = texture(96, 128 + speed * frames)
    return [colour(wide[:, speed * i : speed * i + 128]) for i in range(frames)]


def arrows(x: float, y: float = 0.0) -> np.ndarray:
    return np.stack([np.full((96, 128), x), np.full((96, 128), y)]).astype(np.float32)


def test_change_and_motion() -> None:
    dark, light = np.full((2, 4, 4, 3), 10, np.uint8)
    light = light + np.uint8(30)
    assert metrics.change(light, dark) == metrics.change(dark, light) == 30
    assert metrics.motion(arrows(3, 4)) == pytest.approx(5)
    assert metrics.tof(arrows(3, 4), arrows(0, 0)) == pytest.approx(5)
    assert metrics.tof(arrows(3, 4), arrows(3, 4)) == 0


def test_true_flow_leaves_no_warp_error_and_none_leaves_much() -> None:
    before, after = pan(2)
    everywhere = np.ones((96, 128), bool)
    everywhere[:, -2:] = False  # new at the edge
    assert metrics.warp_error(after, before, arrows(2), everywhere) < 1e-6
    assert metrics.warp_error(after, before, arrows(0), everywhere) > 1e-3
    assert np.isnan(metrics.warp_error(after, before, arrows(2), np.zeros((96, 128), bool)))


def test_warp_error_is_in_units_of_the_full_scale() -> None:
    black, white = np.zeros((96, 128, 3), np.uint8), np.full((96, 128, 3), 255, np.uint8)
    seen = np.ones((96, 128), bool)
    assert metrics.warp_error(white, black, arrows(0), seen) == pytest.approx(1)


def test_what_was_covered_is_not_seen() -> None:
    """A square moves 8 pixels to the right over a still ground."""
    back, forth = arrows(0), arrows(0)
    back[0, 30:60, 48:78] = -8
    forth[0, 30:60, 40:70] = 8
    seen = metrics.visible(back, forth)
    # where the square was a frame ago there now is ground that it had covered
    assert not seen[30:60, 40:46].any()
    # the inside of the square and the far ground are seen, the square's edge is left out
    assert seen[36:54, 56:70].all()
    assert seen[5:20].all()
    assert not seen[29:31, 48:78].any()


def test_compare_tells_steady_from_flickering_blurred_and_frozen() -> None:
    given = pan(6)
    rng = np.random.default_rng(0)
    noisy = [np.clip(f + rng.normal(0, 12, f.shape), 0, 255).astype(np.uint8) for f in given]
    frozen = [given[0]] * 6
    columns = np.arange(-3, 4)[:, None] + np.arange(128)
    blurred = [colour(f[:, columns % 128, 0].mean(axis=1)) for f in given]
    same = metrics.compare(zip(given, given, strict=True))
    flickering = metrics.compare(zip(given, noisy, strict=True))
    still = metrics.compare(zip(given, frozen, strict=True))
    soft = metrics.compare(zip(given, blurred, strict=True))
    assert same.pairs == 5
    assert same.flicker == 1
    assert same.tof == 0
    assert same.difference == 0
    assert same.warp_error == same.input_warp_error
    assert flickering.warp_error > 3 * same.warp_error
    assert flickering.flicker > 1.2
    # a frozen picture has no flicker, and is told by its motion
    assert still.flicker == 0
    assert still.motion_ratio < 0.01
    assert still.tof > 1.5
    # a blurred one is as steady as the input, and is told by its sharpness
    assert soft.warp_error < same.warp_error + 1e-4
    assert soft.sharpness < 0.7 * soft.input_sharpness


def test_one_frame_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="two frames"):
        metrics.compare([(pan(1)[0],) * 2])


def test_cuts_are_left_out() -> None:
    one, other = pan(3), [255 - f[::-1] for f in pan(3, speed=4)]
    both = metrics.compare(zip(one + other, one + other, strict=True))
    assert both.pairs == 4
    with pytest.raises(ValueError, match="one scene"):
        metrics.compare(zip([one[0], other[0]], [one[0], other[0]], strict=True))
