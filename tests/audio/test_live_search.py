"""The tempo search of the latest half minute."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.audio.bands import loud_level
from phosphene.audio.bars import choose_way
from phosphene.audio.chroma import analyse_chroma
from phosphene.audio.live_search import (
    HARMONY_STEP,
    WINDOW_SECONDS,
    BandMemory,
    Estimate,
    Past,
    search,
)
from phosphene.audio.spectrum import analyse_spectrum
from phosphene.config import AudioConfig

from . import songs

CONFIG = AudioConfig()


def past_of(samples: np.ndarray, begin: float = 0.0) -> Past:
    heard = analyse_spectrum(samples, songs.RATE)
    chroma, rate = analyse_chroma(samples, songs.RATE, loud_level(heard.loudness))
    rows = chroma[:: round(rate * HARMONY_STEP / heard.frame_rate)]
    return Past(heard.log_bands, heard.loudness, rows, heard.band_centres, heard.frame_rate, begin)


def beats_off(estimate: Estimate, beats: np.ndarray) -> float:
    return float(np.abs(beats - estimate.anchor).min())


@settings(max_examples=30)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=12), st.floats(0, 5))
def test_the_ring_gives_the_latest_in_order(sizes: list[int], since: float) -> None:
    memory = BandMemory(50.0, np.arange(3, dtype=np.float32), origin=10.0)
    total = 0
    for size in sizes:
        index = np.arange(total, total + size, dtype=np.float32)
        memory.add(np.stack([index] * 3, axis=1), index)
        total += size
    past = memory.since(10.0 + since)
    first = max(int(((10.0 + since) - 10.0) * 50), total - round(WINDOW_SECONDS * 50))
    np.testing.assert_array_equal(past.loudness, np.arange(first, total))
    np.testing.assert_array_equal(past.bands[:, 1], past.loudness)
    if first < total:
        # moment k is heard when its last sample is in
        assert past.begin == pytest.approx(10.0 + (first + 1) / 50)


@pytest.mark.parametrize("begin", [0.0, 1000.0])
def test_a_groove_is_found(begin: float) -> None:
    song = songs.make_song("rock", 117.0, 16.0)
    found = search(past_of(song.samples, begin), CONFIG, None)
    assert found is not None
    best = found.best
    assert best.tempo == pytest.approx(117.0, rel=0.005)
    assert beats_off(best, begin + song.beats) < 0.03
    assert 12 < best.anchor - begin < 16
    assert best.confidence > 0.8
    assert found.chance > 0.8
    assert found.length == pytest.approx(16.0, abs=0.1)
    assert found.same is None
    assert not found.outdated


def test_noise_has_none() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 16 * songs.RATE).astype(np.float32)
    found = search(past_of(noise), CONFIG, None)
    assert found is None or found.best.confidence < 0.25


def test_silence_has_none() -> None:
    assert search(past_of(np.zeros(8 * songs.RATE, np.float32)), CONFIG, None) is None


def test_another_song_is_heard_by_itself() -> None:
    one = songs.make_song("rock", 117.0, 14.0).samples
    other = songs.make_song("house", 150.0, 9.0)
    found = search(past_of(np.concatenate((one, other.samples))), CONFIG, None)
    assert found is not None
    assert found.outdated or found.best.tempo == pytest.approx(150, rel=0.01)


def test_what_is_held_is_found_again_beside_the_best() -> None:
    song = songs.make_song("rock", 120.0, 16.0)
    for tempo in (60.0, 120.0, 240.0 / 3):
        held = Estimate(tempo, float(song.beats[4]), 0.6)
        found = search(past_of(song.samples), CONFIG, held)
        assert found is not None
        if tempo == 80.0:
            # three in the time of four: beats nobody plays
            assert found.same is None or found.lead > 2
            continue
        assert found.same is not None
        assert found.same.tempo == pytest.approx(tempo, rel=0.01)
        assert (found.lead == 0) == (tempo == 120.0)


def test_bars_are_heard_with_the_beats() -> None:
    song = songs.make_song("waltz", 112.0, 20.0)
    found = search(past_of(song.samples), CONFIG, None)
    assert found is not None
    assert found.bars is not None
    count, first, _ = choose_way(found.bars)
    assert count == 3
    downbeat = found.first_beat + first * 60 / 112
    assert np.abs(song.beats[::3] - downbeat).min() < 0.07
