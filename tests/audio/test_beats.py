"""Tempo and beats against songs whose every beat is known."""

from __future__ import annotations

import numpy as np
import pytest

from phosphene.audio.beats import BeatGrid, scale_grid
from phosphene.audio.numpy_backend import hear
from phosphene.config import AudioConfig

from . import songs


def grid_of(song: songs.Song, **settings: float) -> BeatGrid:
    return hear(song.samples, songs.RATE, AudioConfig(**settings)).beats


def assert_right(song: songs.Song, grid: BeatGrid) -> None:
    assert grid.tempo == pytest.approx(song.tempo, rel=0.005)
    assert songs.beat_score(grid.times, song.beats) > 0.97
    gaps = np.abs(grid.times[:, None] - song.beats[None]).min(1)
    assert gaps.max() <= 0.07
    # no habit of being early or late
    nearest = song.beats[np.abs(grid.times[:, None] - song.beats[None]).argmin(1)]
    assert abs(np.median(grid.times - nearest)) < 0.012


def styles_and_tempi() -> list[tuple[str, int]]:
    """Every style slow, moderate, lively and fast."""
    out = []
    for index, style in enumerate(songs.STYLES):
        tempi = (70 + 3 * (index % 4), 95 + index, 120 + 2 * index, 170 + (index % 3) * 5)
        out += [(style, tempo) for tempo in tempi]
    return out


@pytest.mark.parametrize(("style", "tempo"), styles_and_tempi())
def test_tempo_and_beats(style: str, tempo: float) -> None:
    song = songs.make_song(style, float(tempo), 22.0, seed=tempo)
    assert_right(song, grid_of(song))


@pytest.mark.parametrize(
    ("style", "tempo", "extra"),
    [
        ("rock", 128.0, {"silence": 3.3}),
        ("shuffle", 92.0, {"silence": 1.7}),
        ("pop16", 104.0, {"swing_16": 0.33}),
        ("house", 124.0, {"fade": 10.0}),
        ("funk", 108.0, {"jitter_ms": 10.0}),
        ("jazz", 166.0, {"fade": 6.0, "jitter_ms": 8.0}),
        ("ballad", 70.7, {"silence": 2.0, "fade": 5.0}),
    ],
)
def test_swing_silence_fades_and_human_hands(style: str, tempo: float, extra: dict) -> None:
    song = songs.make_song(style, tempo, 30.0, **extra)
    assert_right(song, grid_of(song))


@pytest.mark.parametrize(
    ("style", "tempo"),
    [
        ("rock", lambda beat: 110 + 0.12 * beat),
        ("pop16", lambda beat: 100 + 4 * np.sin(beat / 25)),
        ("house", lambda beat: 126 - 0.05 * beat),
        ("breakbeat", lambda beat: 140 + 5 * np.sin(beat / 40)),
    ],
)
def test_slow_drift_is_followed(style: str, tempo) -> None:
    song = songs.make_song(style, tempo, 45.0)
    assert_right(song, grid_of(song))


def test_fractional_tempo_is_exact() -> None:
    song = songs.make_song("rock", 123.37, 45.0)
    assert grid_of(song).tempo == pytest.approx(123.37, abs=0.06)


def test_confidence_tells_music_from_noise() -> None:
    rng = np.random.default_rng(3)
    noise = rng.standard_normal(20 * songs.RATE).astype(np.float32) * 0.1
    hiss = grid_of(songs.Song(noise, 0.0, np.zeros(1)))
    music = grid_of(songs.make_song("house", 125.0, 20.0))
    assert music.confidence > 0.4
    assert hiss.confidence < 0.2


def test_double_half_and_offset() -> None:
    song = songs.make_song("rock", 120.0, 20.0)
    usual = grid_of(song)
    double = grid_of(song, tempo_multiplier=2.0)
    half = grid_of(song, tempo_multiplier=0.5)
    later = grid_of(song, beat_offset_ms=40.0)
    assert double.tempo == 2 * usual.tempo
    assert half.tempo == usual.tempo / 2
    np.testing.assert_allclose(double.times[::2], usual.times)
    assert np.isin(half.times, usual.times).all()
    # half tempo keeps the beats of the bass drum
    assert np.abs(half.times - song.beats[::2][: len(half.times)]).max() < 0.07
    np.testing.assert_allclose(later.times, usual.times + 0.04)


def test_tempo_range_is_kept() -> None:
    song = songs.make_song("house", 140.0, 20.0)
    assert grid_of(song, tempo_min=60.0, tempo_max=120.0).tempo == pytest.approx(70, rel=0.005)


def test_position_runs_through_the_beats() -> None:
    grid = BeatGrid(120.0, 1.0, np.array([1.0, 1.5, 2.1, 2.5]))
    moments = np.linspace(-1, 5, 601)
    position = grid.position(moments)
    assert np.all(np.diff(position) > 0)
    np.testing.assert_allclose(grid.position(grid.times), [0, 1, 2, 3])
    assert grid.position(np.array([0.0]))[0] == pytest.approx(-2)
    assert not BeatGrid(0.0, 0.0, np.zeros(0)).position(moments).any()


def test_half_of_too_few_beats_is_left_alone() -> None:
    grid = BeatGrid(120.0, 1.0, np.array([0.5, 1.0]))
    assert len(scale_grid(grid, 0.5, 0.0, np.ones(200, np.float32), 100).times) == 2
