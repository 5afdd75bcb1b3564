"""Drawing a stream back to a remembered picture."""

from __future__ import annotations

import numpy as np
import pytest

from phosphene.stream.entry import towards
from tests.stream.toy import OTHERS, home_of

RNG = np.random.default_rng(0)
PREVIOUS = RNG.normal(size=(1, 4, 8, 8)).astype(np.float32)
ANCHOR = (2 + 3 * RNG.normal(size=(1, 4, 8, 8))).astype(np.float32)


def test_weight_zero_is_the_very_same_picture() -> None:
    assert towards(PREVIOUS, ANCHOR, 0.0) is PREVIOUS


def test_weight_one_is_the_anchor() -> None:
    np.testing.assert_allclose(towards(PREVIOUS, ANCHOR, 1.0), ANCHOR, atol=1e-5)


def test_half_way_is_between() -> None:
    full, half = towards(PREVIOUS, ANCHOR, 1.0), towards(PREVIOUS, ANCHOR, 0.5)
    np.testing.assert_allclose(half, (PREVIOUS + full) / 2, atol=1e-5)


@pytest.mark.parametrize("backend", OTHERS)
def test_every_backend_agrees(backend: str) -> None:
    home = home_of(backend)
    out = towards(home.float32(PREVIOUS), home.float32(ANCHOR), 0.3)
    np.testing.assert_allclose(np.asarray(out), towards(PREVIOUS, ANCHOR, 0.3), atol=1e-5)


def test_a_washed_out_stream_is_restored() -> None:
    flat = np.zeros_like(PREVIOUS)
    assert towards(flat, ANCHOR, 0.5).std() > 0.4 * ANCHOR.std()
