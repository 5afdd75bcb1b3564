"""Pictures held steady: a drawing that flickers over an input that only moves."""

from __future__ import annotations

import numpy as np
import pytest

from phosphene.show.transform.hold import Holder
from phosphene.show.transform.items import Motion

SIZE = (48, 64)
GRID = (24, 32)


def motion(x: float, trusted: float = 1.0) -> Motion:
    """Everything has moved right by ``x`` pixels of the small grid."""
    flow = np.stack([np.full(GRID, -x, np.float32), np.zeros(GRID, np.float32)])
    return Motion(flow, np.full(GRID, trusted, np.float32))


def smooth(seed: int) -> np.ndarray:
    """A soft picture (h, w, 3), levels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    waves = [np.sin(x / 9 + a) + np.cos(y / 7 + b) for a, b in rng.uniform(0, 6, (3, 2))]
    return 128 + 30 * np.stack(waves, axis=-1)


def flickering(frames: int, step: int) -> list[np.ndarray]:
    """Drawings of one thing that moves ``step`` pixels a frame, each a little brighter or darker."""
    rng = np.random.default_rng(1)
    return [
        np.clip(np.roll(smooth(0), step * k, axis=1) + 12 * rng.choice([-1, 1]), 0, 255).astype(
            np.uint8
        )
        for k in range(frames)
    ]


def flicker(frames: list[np.ndarray], step: int) -> float:
    """Change along the motion, away from the edges."""
    inner = np.s_[4:-4, 8:-8]
    pairs = zip(frames[5:], frames[4:], strict=False)
    return float(
        np.mean(
            [np.abs(b.astype(float) - np.roll(a, step, axis=1))[inner].mean() for b, a in pairs]
        )
    )


@pytest.mark.parametrize("step", [0, 2])
def test_what_the_input_does_not_do_is_held_back(step: int) -> None:
    drawn = flickering(24, step)
    flickers = []
    for stabilize in (0.0, 0.5, 1.0):
        hold = Holder(stabilize)
        shown = [hold(picture, motion(step / 2) if k else None) for k, picture in enumerate(drawn)]
        flickers.append(flicker(shown, step))
    assert flickers[0] == pytest.approx(flicker(drawn, step))
    assert flickers[1] < 0.6 * flickers[0]
    assert flickers[2] < 0.35 * flickers[0]


def test_fine_lines_are_each_pictures_own() -> None:
    """However often it is held, a checkerboard of single pixels does not fade."""
    rows, columns = np.indices(SIZE)
    board = np.where((rows + columns) % 2, 140, 116).astype(np.uint8)
    picture = np.repeat(board[..., None], 3, axis=2)
    hold = Holder(1.0)
    hold(picture, None)
    for _ in range(30):
        shown = hold(picture, motion(0.3))
    np.testing.assert_array_equal(shown, picture)


def test_a_pattern_that_does_not_go_with_the_video_is_not_seen_double() -> None:
    """Stripes that stand still over a video that moves: held along its motion they would fade away."""
    stripes = np.sin(2 * np.pi * np.arange(SIZE[1]) / 16)
    picture = np.empty((*SIZE, 3), np.uint8)
    picture[:] = (128 + 100 * stripes)[:, None]
    hold = Holder(1.0)
    hold(picture, None)
    for _ in range(12):
        shown = hold(picture, motion(2.0))
    assert shown.std() > 0.9 * picture.std()


def test_nothing_is_held_where_nothing_is_trusted_or_the_scene_is_new() -> None:
    first, other = smooth(0).astype(np.uint8), smooth(5).astype(np.uint8)
    for seen in (motion(0, trusted=0.0), None):
        hold = Holder(1.0)
        hold(first, None)
        np.testing.assert_array_equal(hold(other, seen), other)
