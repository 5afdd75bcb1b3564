"""The renderer: every family and mixture, on NumPy and torch, at any size and moment."""

from __future__ import annotations

import numpy as np
import pytest

from phosphene.diffusion.lsd.render import (
    FAMILIES,
    FOLDS,
    NUMBERS,
    Field,
    Motif,
    Shots,
    draw,
    numbers_of,
)
from phosphene.diffusion.lsd.render.canvas import Canvas

QUIET, LOUD = (0.5, 0.5, 0.5, 0.0, 0.6), (0.9, 0.6, 0.6, 0.8, 0.0)
STILL = (1.0, 0.0, 0.0, 0.0)


def shots(
    motif: Motif,
    times: tuple[float, ...] = (3.0,),
    audio: tuple[float, ...] = QUIET,
    pose: tuple[float, ...] = STILL,
    seed: int = 5,
) -> Shots:
    n = len(times)
    ones = np.ones(n, np.float32)
    return Shots(
        motif,
        numbers_of([seed] * n),
        np.array(times, np.float32),
        np.tile(np.array(audio, np.float32), (n, 1)),
        np.tile(np.array(pose, np.float32), (n, 1)),
        ones,
        ones,
    )


def seen(field: Field) -> np.ndarray:
    """What the eye gets of a field, whatever its palette."""
    return np.asarray(field.value) * np.clip(np.asarray(field.light), 0, 1.5)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_fills_any_picture_and_moves(name: str) -> None:
    field = draw(shots(Motif(name), (2.0, 2.5)), 48, 80)
    for plane in field:
        assert plane.shape == (2, 48, 80) and plane.dtype == np.float32
        assert np.isfinite(plane).all() and plane.min() >= 0
    assert field.value.max() <= 1
    now, after = seen(field)
    assert now.std() > 0.03, "flat"
    assert np.abs(after - now).mean() > 0.004, "stands still"
    # not a loop, and not the same from another seed
    later, other = (
        draw(shots(Motif(name), (61.0,)), 48, 80),
        draw(shots(Motif(name), (2.0,), seed=6), 48, 80),
    )
    assert np.abs(seen(later)[0] - now).mean() > 0.01
    assert np.abs(seen(other)[0] - now).mean() > 0.01


@pytest.mark.parametrize("name", FAMILIES)
def test_torch_draws_what_numpy_draws(name: str) -> None:
    torch = pytest.importorskip("torch")
    given = shots(
        Motif(name, next(iter(FOLDS)) if not FAMILIES[name].splats else None), (1.0, 7.0), LOUD
    )
    host = draw(given, 40, 40)
    arrays = {
        key: torch.from_numpy(getattr(given, key))
        for key in ("numbers", "time", "audio", "pose", "scale", "contrast")
    }
    there = draw(Shots(given.motif, **arrays), 40, 40)
    for mine, other in zip(host, there, strict=True):
        # floor() of nearly equal numbers may differ in a pixel here and there
        off = np.abs(mine - other.numpy())
        assert np.median(off) < 1e-3 and (off > 0.03).mean() < 0.03


def test_frames_of_a_batch_are_those_drawn_alone() -> None:
    both = draw(shots(Motif("nebula", "hexagons"), (1.0, 9.0)), 32, 32)
    alone = draw(shots(Motif("nebula", "hexagons"), (9.0,)), 32, 32)
    assert np.abs(both.value[1] - alone.value[0]).max() < 1e-5


@pytest.mark.parametrize("fold", FOLDS)
def test_a_mixture_shows_both_parts(fold: str) -> None:
    fire, cells = (draw(shots(Motif(name, fold)), 64, 64) for name in ("fire", "cells"))
    plain = draw(shots(Motif("fire")), 64, 64)
    assert np.isfinite(seen(fire)).all() and seen(fire).std() > 0.03
    assert np.abs(seen(fire) - seen(cells)).mean() > 0.02, "the filling is not seen"
    assert np.abs(seen(fire) - seen(plain)).mean() > 0.02, "the fold is not seen"


@pytest.mark.parametrize("name", FAMILIES)
def test_what_throws_points_at_pixels_is_not_folded(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    thrown = []
    splat = Canvas.splat

    def watched(self: Canvas, *points: np.ndarray) -> np.ndarray:
        thrown.append(1)
        return splat(self, *points)

    monkeypatch.setattr(Canvas, "splat", watched)
    draw(shots(Motif(name)), 24, 40)
    assert FAMILIES[name].splats == bool(thrown)


@pytest.mark.parametrize("fold", FOLDS)
def test_every_mixture_is_drawn(fold: str) -> None:
    for name, family in FAMILIES.items():
        if not family.splats:
            for seed in (1, 2):
                field = draw(shots(Motif(name, fold), (2.0,), LOUD, seed=seed), 24, 40)
                for plane in field:
                    assert np.isfinite(plane).all() and plane.min() >= 0, (name, seed)


@pytest.mark.parametrize("name", ["cells", "galaxy", "tunnel", "mountains", "attractor"])
def test_a_larger_picture_shows_the_same(name: str) -> None:
    small = draw(shots(Motif(name)), 64, 64).value[0]
    large = draw(shots(Motif(name)), 256, 256).value[0]
    shrunk = large.reshape(64, 4, 64, 4).mean((1, 3))
    assert np.corrcoef(small.ravel(), shrunk.ravel())[0, 1] > 0.9


def test_a_wide_picture_is_the_square_one_with_more_at_its_sides() -> None:
    square, wide = (draw(shots(Motif("cells")), 64, width).value[0] for width in (64, 112))
    assert np.abs(wide[:, 24:88] - square).max() < 1e-3


def test_the_camera_moves_as_the_pose_says() -> None:
    plain = draw(shots(Motif("stained_glass")), 64, 64).value[0]
    moved = draw(shots(Motif("stained_glass"), pose=(1.0, 0.0, 0.25, 0.0)), 64, 64).value[0]
    assert np.abs(moved[:, 16:] - plain[:, :-16]).max() < 1e-3
    quarter = draw(shots(Motif("stained_glass"), pose=(1.0, np.pi / 2, 0.0, 0.0)), 64, 64).value[0]
    # clockwise as seen: what was on the left comes to the top
    assert np.abs(quarter - np.rot90(plain, -1)).mean() < 0.01


@pytest.mark.parametrize("name", FAMILIES)
def test_a_beat_is_light_and_an_attack_is_more(name: str) -> None:
    def light(phase: float, onset: float) -> float:
        field = draw(shots(Motif(name), audio=(0.5, 0.5, 0.5, onset, phase)), 48, 48)
        return float((field.value * np.minimum(field.light, 1.5)).mean())

    on, after, struck = light(0.05, 0.0), light(0.6, 0.0), light(0.6, 1.0)
    assert on > 1.1 * after and struck > 1.04 * after


def test_silence_does_not_beat() -> None:
    still = [draw(shots(Motif("cells"), audio=(0, 0, 0, 0, p)), 32, 32).light for p in (0.0, 0.7)]
    assert np.array_equal(*still)


def test_numbers_follow_from_seeds_alone() -> None:
    assert np.array_equal(numbers_of([7, 8])[1], numbers_of([8])[0])
    assert numbers_of([7]).shape == (1, NUMBERS)


@pytest.mark.parametrize("shift", [0.0, 0.3, 0.5])
def test_a_crease_is_as_far_from_an_outline_as_it_is(shift: float) -> None:
    # where two petals meet, the slope changes its sign: a mean of both sides would be flat
    pixel, steep = 1 / 64, 20.0
    column = (np.arange(65, dtype=np.float32) - 32 + shift) * pixel
    x = np.broadcast_to(column, (1, 5, 65)).copy()
    zero = np.zeros((1, 1, 1), np.float32)
    canvas = Canvas(x, 0 * x, zero, np.zeros((1, 96), np.float32), np.zeros((1, 5)), zero, pixel)
    outline = 0.05
    found = canvas.distance(steep * (np.abs(x) - outline))
    np.testing.assert_allclose(found, np.abs(x) - outline, atol=1e-4)
