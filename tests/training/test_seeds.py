"""Which pictures a model remembers: with a choice, the clearest of many."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from phosphene.diffusion.lsd.nets import LsdNets
from phosphene.training.seeds import PALETTES, Choice, draw_seeds

FAMILIES = ("hexagons", "waves")


@pytest.fixture(scope="module")
def nets() -> LsdNets:
    return LsdNets(1)


def spread(family: str, latents: np.ndarray) -> np.ndarray:
    """A stand-in for a judge that likes contrast."""
    assert family in FAMILIES
    return latents.std(axis=(1, 2, 3))


def test_the_clearest_of_all_candidates_are_kept(nets: LsdNets) -> None:
    several = Choice(spread, candidates=3)
    kept = draw_seeds(nets.encode, FAMILIES, 64, 2, 1, several)
    assert kept.shape == (2, len(PALETTES), 2, 8, 8, 8)
    rounds = [draw_seeds(nets.encode, FAMILIES, 64, 2, 1 + 1000 * k) for k in range(3)]
    drawn = np.concatenate(rounds, axis=2)
    best = np.sort(drawn.std(axis=(3, 4, 5)), axis=2)[:, :, :-3:-1]
    np.testing.assert_allclose(kept.std(axis=(3, 4, 5)), best, rtol=1e-6)


def test_one_candidate_is_no_choice(nets: LsdNets) -> None:
    plain = draw_seeds(nets.encode, FAMILIES[:1], 64, 1, 1)
    only = draw_seeds(nets.encode, FAMILIES[:1], 64, 1, 1, Choice(spread, candidates=1))
    np.testing.assert_array_equal(only, plain)
