"""Flow of pictures whose motion is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.stream.camera import CameraMove, warp
from phosphene.video.motion.optical_flow import estimate, grid, halve, resize_flow, sample


def texture(height: int = 96, width: int = 128, seed: int = 0) -> np.ndarray:
    """Blotches of several sizes, grey levels."""
    rng = np.random.default_rng(seed)
    out = np.zeros((height, width), np.float32)
    for cell in (4, 8, 16, 32):
        small = rng.standard_normal((2, height // cell + 2, width // cell + 2)).astype(np.float32)
        out += resize_flow(small, height, width)[0] * height / cell / width * 8
    return 128 + 40 * out / out.std()


def moved(picture: np.ndarray, move: CameraMove) -> np.ndarray:
    return warp(picture[None, None], move)[0, 0]


def inside(flow: np.ndarray, margin: int = 12) -> np.ndarray:
    return flow[:, margin:-margin, margin:-margin]


@settings(max_examples=25)
@given(x=st.floats(-6, 6), y=st.floats(-6, 6))
def test_pans_are_found_to_a_fifth_of_a_pixel(x: float, y: float) -> None:
    before = texture()
    after = moved(before, CameraMove(pan_x=x / 128, pan_y=y / 128))
    flow = inside(estimate(after, before))
    # what is seen at a pixel now was x to the left and y above
    assert abs(np.median(flow[0]) + x) < 0.2
    assert abs(np.median(flow[1]) + y) < 0.2


def test_turns_and_zooms_are_found() -> None:
    before = texture()
    after = moved(before, CameraMove(zoom=1.06, rotate=0.04))
    flow = estimate(after, before)
    x, y = grid(96, 128)
    x, y = x - 63.5, y - 47.5
    c, s = np.cos(0.04) / 1.06, np.sin(0.04) / 1.06
    truth = np.stack([c * x + s * y - x, c * y - s * x - y])
    error = np.hypot(*inside(flow - truth))
    assert np.median(error) < 0.25
    left = np.abs(inside((sample(before, flow) - after)[None])).mean()
    assert left < 0.15 * np.abs(inside((before - after)[None])).mean()


def test_nothing_moves_where_nothing_is_seen() -> None:
    flat = np.full((64, 64), 90, np.float32)
    assert not estimate(flat, flat).any()
    noise = np.random.default_rng(0).normal(90, 2, (2, 64, 64)).astype(np.float32)
    assert np.abs(estimate(noise[0], noise[1])).mean() < 0.7


@pytest.mark.parametrize("shape", [(2, 2), (3, 200), (17, 15), (64, 64)])
def test_any_size(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).random(shape, dtype=np.float32) * 255
    flow = estimate(picture, picture)
    assert flow.shape == (2, *shape)
    assert np.abs(flow).max() < 1e-3


def test_sampling_reads_pixels_and_holds_the_edges() -> None:
    picture = np.arange(12, dtype=np.float32).reshape(3, 4)
    still = np.zeros((2, 3, 4), np.float32)
    np.testing.assert_array_equal(sample(picture, still), picture)
    right = still + np.array([1, 0], np.float32)[:, None, None]
    np.testing.assert_array_equal(sample(picture, right)[:, :3], picture[:, 1:])
    np.testing.assert_array_equal(sample(picture, right)[:, 3], picture[:, 3])
    half = still + np.array([0.5, 0.5], np.float32)[:, None, None]
    assert sample(picture, half)[0, 0] == pytest.approx((0 + 1 + 4 + 5) / 4)
    # several channels at once
    np.testing.assert_array_equal(
        sample(np.stack([picture, -picture]), right)[1, :, 0], -picture[:, 1]
    )


def test_arrows_grow_with_the_picture() -> None:
    flow = np.ones((2, 8, 8), np.float32)
    big = resize_flow(flow, 16, 24)
    assert big.shape == (2, 16, 24)
    np.testing.assert_allclose(big[0], 3)
    np.testing.assert_allclose(big[1], 2)
    assert resize_flow(flow, 8, 8) is flow
    assert halve(np.ones((5, 7), np.float32)).shape == (2, 3)
