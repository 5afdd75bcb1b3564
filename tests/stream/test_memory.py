"""The context memory: an anchor and a ring, in order, no larger however long the show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.stream.memory import (
    EMPTY,
    SLOTS,
    STRIDE,
    ContextMemory,
    forgotten,
    read,
    remember,
)
from tests.stream.toy import BACKENDS, home_of

GAPS = st.lists(st.integers(1, 20), min_size=1, max_size=60)
"""frames from one finished picture to the next: streams that lack time drop some"""


def picture(frame: int) -> np.ndarray:
    """Of two streams side by side, each pixel the frame's number."""
    return np.full((2, 3, 2, 2), frame, np.float32)


def written(frames: list[int]) -> list[int]:
    """Which of ``frames`` are written down: the first, then each that comes a stride after the last."""
    out = frames[:1]
    for frame in frames[1:]:
        if frame - out[-1] >= STRIDE:
            out.append(frame)
    return out


@given(GAPS, st.integers(0, 40), st.integers(1, 6))
def test_the_anchor_and_the_newest_in_order(gaps, first, slots):
    frames = (first + np.cumsum(gaps)).tolist()
    memory = ContextMemory()
    for frame in frames:
        memory = remember(memory, picture(frame), frame, slots)
    anchor, *later = written(frames)
    ring = later[-(slots - 1) :] if slots > 1 else []
    empty = slots - 1 - len(ring)
    assert memory.frames == (anchor, *[EMPTY] * empty, *ring)
    seen = read(memory, frames[-1] + 1)
    assert seen is not None
    latents, ages = seen
    assert latents.shape == (2, slots, 3, 2, 2)
    assert ages.shape == (2, slots) and ages.dtype == np.float32
    # an empty slot is blank and has no age; all others show the frame that their age tells
    for row in range(2):
        for latent, age in zip(latents[row], ages[row], strict=True):
            assert np.all(latent == (frames[-1] + 1 - age if age else 0))
        known = ages[row][ages[row] > 0].tolist()
        assert known == sorted(known, reverse=True)


def test_nothing_is_remembered_before_the_first_picture():
    assert read(ContextMemory(), 7) is None


def test_a_new_prompt_is_given_half_a_second_to_show():
    memory = forgotten(100)
    for frame in range(98, 100 + STRIDE):
        memory = remember(memory, picture(frame), frame)
    assert read(memory, 100 + STRIDE) is None
    memory = remember(memory, picture(100 + STRIDE), 100 + STRIDE)
    assert memory.frames == (100 + STRIDE, *[EMPTY] * (SLOTS - 1))


def test_its_size_does_not_depend_on_the_length_of_the_show():
    memory = ContextMemory()
    for frame in range(5_000):
        memory = remember(memory, picture(frame), frame)
    assert memory.latents is not None
    assert memory.latents.shape[1] == len(memory.frames) == SLOTS
    assert memory.frames[0] == 0
    assert np.diff(memory.frames[1:]).tolist() == [STRIDE] * (SLOTS - 2)


@pytest.mark.parametrize("backend", BACKENDS)
def test_it_stays_at_home(backend):
    home = home_of(backend)
    memory = remember(ContextMemory(), home.float32(picture(3)), 3)
    seen = read(memory, 5)
    assert seen is not None
    assert all(home == type(home).of(array) for array in seen)
    np.testing.assert_array_equal(np.asarray(seen[1]), [[2, 0, 0, 0]] * 2)
