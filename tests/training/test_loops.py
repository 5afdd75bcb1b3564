"""Loops that the model remembers: they close, and with a choice the clearest of many are kept."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from phosphene.diffusion.lsd.fields import coloured, colours
from phosphene.diffusion.lsd.loops import FRAMES
from phosphene.training.loops import (
    LOOKED_AT,
    PALETTES,
    SEAM,
    Choice,
    draw_loop,
    draw_loops,
    farthest,
)
from phosphene.training.seeds import gradients

FAMILIES = ("hexagons", "waves")


def contrast(family: str, pictures: np.ndarray) -> np.ndarray:
    """A stand-in for a judge that likes contrast."""
    assert family in FAMILIES
    return pictures.std(axis=(1, 2, 3)).astype(np.float32)


@pytest.mark.parametrize("family", ["hexagons", "fire", "stained_glass"])
def test_the_end_goes_over_into_the_beginning(family: str) -> None:
    loop = draw_loop(family, 3, 64).astype(int)
    assert loop.shape == (FRAMES, 2, 64, 64)
    steps = np.abs(loop - np.roll(loop, -1, axis=0)).mean(axis=(1, 2, 3))
    usual = float(np.median(steps[SEAM:-1]))
    # what gives way moves as well, but nowhere is there a cut
    assert steps[-1] < 3 * usual
    cut = np.abs(loop[-1] - loop[SEAM]).mean()
    assert steps[:SEAM].max() < 0.7 * cut


def test_two_pictures_are_nowhere_seen_at_once() -> None:
    """Half-way each place shows the one or the other, but for a strip between."""
    places = draw_loop("checker", 5, 64)[:, 0]
    grey = np.mean((places > 80) & (places < 175), axis=(1, 2))
    # faded as a whole, half of a chequered floor would be grey
    assert grey[SEAM // 2] - grey[SEAM:].mean() < 0.15


def test_all_move_about_as_fast() -> None:
    def liveliness(family: str) -> float:
        place, light = draw_loop(family, 11, 64)[SEAM:].astype(float).swapaxes(0, 1) / 255
        return float(np.abs(np.diff(place * light, axis=0)).mean() / (place * light).std())

    lively = [liveliness(family) for family in ("flow_field", "tunnel", "smoke", "waves", "clouds")]
    # the renderer's own clock would make the first thirty times as fast as the last
    assert max(lively) < 5 * min(lively)


def test_the_clearest_of_all_candidates_are_kept() -> None:
    palettes = gradients()
    kept = draw_loops(FAMILIES, 64, 2, 1, palettes, Choice(contrast, candidates=4))
    assert len(kept) == 4
    tables = [colours(palettes[k]) for k in PALETTES]

    def clarity(family: str, loop: np.ndarray) -> float:
        pictures = [coloured(loop[i], table) for i in LOOKED_AT[1:] for table in tables]
        return float(contrast(family, np.stack(pictures)).mean())

    for index, family in enumerate(FAMILIES):
        drawn = draw_loops((family,), 64, 4, 1 + 1000 * index, palettes)
        best = sorted(clarity(family, loop) for loop in drawn)
        found = sorted(clarity(family, loop) for loop in kept[2 * index : 2 * index + 2])
        assert found == pytest.approx(best[-2:], rel=0.05)


def test_what_is_kept_besides_the_clearest_differs_most() -> None:
    pictures = np.float32([0, 1, 10, 9, 5])[:, None]
    assert farthest(pictures, 3) == [0, 2, 4]
    assert farthest(pictures[:1], 1) == [0]


def test_one_candidate_is_no_choice() -> None:
    palettes = gradients()
    [plain] = draw_loops(FAMILIES[:1], 64, 1, 1, palettes)
    [only] = draw_loops(FAMILIES[:1], 64, 1, 1, palettes, Choice(contrast, candidates=1))
    np.testing.assert_array_equal(only, plain)
