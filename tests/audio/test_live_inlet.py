"""Chunks of any size and rate become one seamless stream."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.audio.live_inlet import LIMIT, Inlet, clean


@given(st.lists(st.integers(0, 700), min_size=1, max_size=12))
def test_windows_end_where_they_should(sizes: list[int]) -> None:
    inlet = Inlet(8000, 1000)
    sound = np.arange(1, sum(sizes) + 1, dtype=np.float32) / 10_000
    at = 0
    for size in sizes:
        inlet.put(sound[at : at + size], 8000)
        at += size
        inlet.pull()
    assert inlet.total == len(sound)
    assert inlet.seconds == pytest.approx(len(sound) / 8000)
    last = len(sound) // 100
    window = inlet.frames(last, 1, 100, 300)
    padded = np.concatenate((np.zeros(1000, np.float32), sound))
    np.testing.assert_array_equal(window[0], padded[last * 100 + 700 : last * 100 + 1000])


@settings(max_examples=25)
@given(
    rate=st.sampled_from([8000, 11025, 44100, 48000, 96000]),
    sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=8),
)
def test_resampling_leaves_no_seams(rate: int, sizes: list[int]) -> None:
    keep = 22050
    times = np.arange(rate) / rate
    sound = np.sin(2 * np.pi * 300 * times).astype(np.float32)
    inlet, at, turn = Inlet(22050, keep), 0, 0
    while at < len(sound):
        size = sizes[turn % len(sizes)]
        inlet.put(sound[at : at + size], rate)
        inlet.pull()
        at, turn = at + size, turn + 1
    # the filter holds back a few milliseconds
    assert 0 <= 22050 - inlet.total < 0.005 * 22050
    heard = inlet.frames(1, 1, inlet.total, inlet.total)[0]
    wanted = np.sin(2 * np.pi * 300 * np.arange(inlet.total) / 22050)
    edge = 200
    np.testing.assert_allclose(heard[edge:-edge], wanted[edge:-edge], atol=0.01)


def test_what_is_held_back_comes_with_the_next_rate() -> None:
    inlet = Inlet(22050, 22050)
    for rate in (48000, 44100, 8000, 22050):
        inlet.put(np.full(rate, 0.5, np.float32), rate)
    inlet.pull()
    assert inlet.seconds == pytest.approx(4.0)
    assert inlet.total == pytest.approx(4 * 22050, abs=150)


def test_waiting_is_what_was_not_pulled() -> None:
    inlet = Inlet(22050, 1000)
    inlet.put(np.zeros(4800, np.float32), 48000)
    assert inlet.waiting == pytest.approx(0.1)
    inlet.pull()
    assert inlet.waiting == 0


@given(st.lists(st.floats(width=32), max_size=50))
def test_clean_is_finite_and_within_the_limit(values: list[float]) -> None:
    given_ = np.asarray(values, np.float32)
    out = clean(given_.copy())
    assert out.dtype == np.float32
    assert np.all(np.abs(out) <= LIMIT)
    usual = np.isfinite(given_) & (np.abs(given_) <= LIMIT)
    np.testing.assert_array_equal(out[usual], given_[usual])
    assert not out[~np.isfinite(given_)].any()
