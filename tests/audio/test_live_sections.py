"""Changes that last."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.audio.live_ear import SHORTEST_SECONDS, LiveSections, change
from phosphene.audio.sections import STEP


def play(parts: list[tuple[float, int]], sensitivity: float, seed: int = 0) -> list[int]:
    """Sections counted after every step of parts (seconds, timbre), each with its own spectrum."""
    rng = np.random.default_rng(seed)
    shapes, chords = rng.random((8, 20)), rng.random((8, 12))
    sections, out = LiveSections(), []
    for seconds, kind in parts:
        for _ in range(round(seconds / STEP)):
            timbre = shapes[kind] * rng.uniform(0.8, 1.2, 20)
            harmony = chords[kind] * rng.uniform(0.8, 1.2, 12)
            sections.hear(timbre.astype(np.float32), harmony.astype(np.float32), 1.0, sensitivity)
            out.append(sections.count)
    return out


def test_a_change_is_counted_once_and_soon() -> None:
    heard = play([(20, 0), (20, 1), (20, 0)], 0.5)
    # step k is heard at its end
    at = [(step + 1) * STEP for step in np.flatnonzero(np.diff(heard, prepend=0))]
    assert len(at) == 2
    assert 20 < at[0] < 23
    assert 40 < at[1] < 43


def test_more_of_the_same_is_none() -> None:
    assert play([(90, 3)], 0.5)[-1] == 0


def test_nothing_is_counted_when_it_is_turned_off() -> None:
    assert play([(20, 0), (20, 1)], 0.0)[-1] == 0


@given(st.lists(st.integers(0, 7), min_size=1, max_size=12), st.integers(0, 9))
def test_sections_last(kinds: list[int], seed: int) -> None:
    heard = play([(4, kind) for kind in kinds], 1.0, seed)
    changes = np.flatnonzero(np.diff(heard, prepend=0))
    assert np.all(np.diff(heard) <= 1)
    assert np.all(np.diff(changes, prepend=-1) * STEP >= SHORTEST_SECONDS)


def test_it_counts_on_from_where_it_was() -> None:
    assert LiveSections(7).count == 7


def test_change_is_between_0_and_1() -> None:
    still = np.ones((30, 5), np.float32)
    assert change(still) == 0
    moved = still.copy()
    moved[-4:] = 9
    assert 0.9 < change(moved) < 1
    assert change(moved) == pytest.approx(change(moved[-24:]))
