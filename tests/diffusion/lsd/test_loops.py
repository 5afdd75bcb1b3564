"""The film of remembered loops."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from phosphene.diffusion.lsd.loops import FILM, FRAMES, PART, read_part, write_film
from phosphene.diffusion.lsd.seeds import Seed, SeedBank
from phosphene.errors import ModelError


def waves(phase: float) -> np.ndarray:
    """A loop (FRAMES, 2, 64, 64) of two gratings that move, each in a plane of its own."""
    frame = np.arange(FRAMES)[:, None, None] * 2 * np.pi / FRAMES
    y, x = np.mgrid[:64, :64] * 2 * np.pi / 64
    planes = [np.sin(2 * x + frame + phase), np.cos(y + 2 * x - frame + phase)]
    return np.rint(127.5 + 100 * np.stack(planes, axis=1)).astype(np.uint8)


def off(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def whole(bank: SeedBank, seed: Seed) -> np.ndarray:
    return np.concatenate([bank.part(seed, number) for number in range(FRAMES // PART)])


def test_every_part_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = np.concatenate([waves(phase) for phase in (0.0, 1.0, 2.0)])
    write_film(tmp_path / FILM, list(written.reshape(3, FRAMES, 2, 64, 64)), 18)
    for number in (7, 0, 1, 8):
        found = read_part(tmp_path / FILM, number)
        assert found.shape == (PART, 2, 64, 64) and found.dtype == np.uint8
        # frame for frame: the frame beside it would be an error of six
        assert off(found, written[PART * number :][:PART]) < 2.5


def test_a_film_that_is_missing_short_or_garbage_is_refused(tmp_path: Path) -> None:
    film = tmp_path / FILM
    with pytest.raises(ModelError, match="cannot read"):
        read_part(film, 0)
    write_film(film, [waves(0.0)], 30)
    with pytest.raises(ModelError, match="ends before its frame 64"):
        read_part(film, FRAMES // PART)
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    with pytest.raises(ModelError):
        read_part(film, 0)


def test_the_package_remembers_four_moving_loops_of_every_family() -> None:
    bank = SeedBank()
    assert bank.shapes == 4 and len(bank.families) == 44
    for family in range(0, 44, 6):
        loops = [whole(bank, Seed(family, 0, shape, mirrored=False)) for shape in range(4)]
        assert all(off(a, b) > 5 for a, b in combinations(loops, 2)), bank.families[family]
        one = loops[0]
        assert off(one[0], one[FRAMES // 2]) > 1, bank.families[family]
        # it is a loop: from the end to the beginning is no further than between other frames
        steps = np.abs(one.astype(int) - np.roll(one, -1, axis=0)).mean(axis=(1, 2, 3))
        assert steps[-1] <= 1.5 * steps[:-1].max(), bank.families[family]


def test_mirrored_is_left_for_right() -> None:
    bank = SeedBank()
    plain, mirrored = (bank.part(Seed(8, 0, 1, mirrored=m), 2) for m in (False, True))
    assert np.array_equal(plain, mirrored[..., ::-1])
