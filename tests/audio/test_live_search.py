"""The tempo search of the latest half minute."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.audio.live_search import WINDOW_SECONDS, BandMemory, Estimate, Past, search
from phosphene.audio.spectrum import analyse_spectrum
from phosphene.config import AudioConfig

from . import songs

CONFIG = AudioConfig()


def past_of(samples: np.ndarray, begin: float = 0.0) -> Past:
    heard = analyse_spectrum(samples, songs.RATE)
    return Past(heard.log_bands, heard.loudness, heard.band_centres, heard.frame_rate, begin)


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
    found = search(past_of(song.samples, begin), CONFIG, None, 0.0)
    assert found is not None
    assert found.tempo == pytest.approx(117.0, rel=0.005)
    assert beats_off(found, begin + song.beats) < 0.03
    assert 12 < found.anchor - begin < 16
    assert found.confidence > 0.3
    assert not found.outdated


def test_noise_has_none() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 16 * songs.RATE).astype(np.float32)
    found = search(past_of(noise), CONFIG, None, 0.0)
    assert found is None or found.confidence < 0.2


def test_silence_has_none() -> None:
    assert search(past_of(np.zeros(8 * songs.RATE, np.float32)), CONFIG, None, 0.0) is None


def test_another_song_makes_it_outdated() -> None:
    one = songs.make_song("rock", 117.0, 16.0).samples
    other = songs.make_song("house", 150.0, 6.0).samples
    found = search(past_of(np.concatenate((one, other))), CONFIG, None, 0.0)
    assert found is not None
    assert found.outdated


def test_a_trusted_tempo_keeps_its_octave() -> None:
    # a groove that is heard an octave fast by itself
    song = songs.make_song("tresillo", 79.0, 16.0, seed=79)
    held = Estimate(79.0, float(song.beats[2]), 0.6, outdated=False)
    for trust, tempo in ((0.0, 158.0), (1.0, 79.0)):
        found = search(past_of(song.samples), CONFIG, held, trust)
        assert found is not None
        assert found.tempo == pytest.approx(tempo, rel=0.005), trust
