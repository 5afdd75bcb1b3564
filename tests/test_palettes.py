"""Palettes mix as colours do, and come back as they were."""

from __future__ import annotations

import numpy as np
import pytest

from phosphene.palettes import from_oklab, mix, to_oklab


def flat(*rgb: float) -> np.ndarray:
    return np.tile(np.array(rgb, np.float32), (256, 1))


def test_oklab_and_back_is_the_same_colour() -> None:
    rgb = np.random.default_rng(0).uniform(0, 255, (500, 3)).astype(np.float32)
    assert np.abs(from_oklab(to_oklab(rgb)) - rgb).max() < 0.2


def test_known_values_of_the_paper() -> None:
    # white, and pure red: Ottosson's reference implementation
    assert to_oklab(np.array([255.0, 255, 255], np.float32)) == pytest.approx([1, 0, 0], abs=1e-3)
    red = to_oklab(np.array([255.0, 0, 0], np.float32))
    assert red == pytest.approx([0.628, 0.2249, 0.1258], abs=1e-3)


def test_halfway_between_blue_and_yellow_is_no_mud() -> None:
    both = np.stack([flat(0, 60, 255), flat(255, 225, 0)])
    halfway = to_oklab(mix(both, [0.5, 0.5]))[0]
    ends = to_oklab(both)[:, 0]
    assert halfway[0] == pytest.approx(ends[:, 0].mean(), abs=0.05)


def test_halfway_between_orange_and_green_is_as_vivid_as_both() -> None:
    both = np.stack([flat(255, 110, 0), flat(18, 180, 110)])
    chroma = [np.linalg.norm(to_oklab(each)[0, 1:]) for each in (*both, mix(both, [0.5, 0.5]))]
    assert chroma[2] > 0.85 * min(chroma[:2])


def test_one_palette_alone_is_exact_and_weights_are_ratios() -> None:
    three = np.stack([flat(10, 20, 30), flat(200, 100, 0), flat(0, 255, 0)])
    assert (mix(three, [0.0, 2.0, 0.0]) == three[1]).all()
    assert mix(three, [1, 3, 0]) == pytest.approx(mix(three, [0.25, 0.75, 0]), abs=1e-3)
    assert (mix(three, [0, 0, -1]) == three[0]).all()
