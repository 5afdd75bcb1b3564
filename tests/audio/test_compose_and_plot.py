"""The demo's music and the picture of an analysis."""

from __future__ import annotations

import time
import wave
from pathlib import Path

import numpy as np
import pytest

from phosphene.audio import AudioAnalyzer
from phosphene.audio.compose import compose, plan_form, write_wav
from phosphene.audio.plot import clock_text, plot
from phosphene.errors import InputError, OutputError

from . import songs


def test_piece_is_clean_and_repeatable() -> None:
    samples, rate = compose(15.0, seed=4)
    assert (samples.shape, samples.dtype, rate) == ((661500, 2), np.float32, 44100)
    assert 0.8 < np.abs(samples).max() < 0.9
    assert np.abs(samples[-10:]).max() < 1e-3
    assert abs(float(samples.mean())) < 0.01
    # left and right differ, and so do seeds
    assert np.abs(samples[:, 0] - samples[:, 1]).max() > 0.05
    np.testing.assert_array_equal(samples, compose(15.0, seed=4)[0])
    assert not np.array_equal(samples, compose(15.0, seed=5)[0])


def test_composing_takes_less_than_two_seconds_of_work() -> None:
    compose(2.0)
    begin = time.process_time()
    compose(15.0)
    assert time.process_time() - begin < 2.0


@pytest.mark.parametrize("seconds", [0.5, 1.0, 3.0, 7.3, 15.0, 31.0])
@pytest.mark.parametrize("bpm", [60.0, 120.0, 174.0])
def test_form_fills_the_time(seconds: float, bpm: float) -> None:
    plan = plan_form(seconds, bpm)
    assert plan.beats % 4 == 0
    assert plan.at(plan.beats) + plan.tail == pytest.approx(seconds)
    assert plan.tail >= min(1.5, seconds / 3)


@pytest.mark.parametrize(("seconds", "bpm"), [(0.1, 120.0), (1e6, 120.0), (10.0, 10.0)])
def test_silly_lengths_are_refused(seconds: float, bpm: float) -> None:
    with pytest.raises(InputError):
        compose(seconds, bpm=bpm)


def test_wav_is_written(tmp_path: Path) -> None:
    samples, rate = compose(1.0)
    write_wav(tmp_path / "piece.wav", samples, rate)
    with wave.open(str(tmp_path / "piece.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 44100, 44100)
    with pytest.raises(OutputError):
        write_wav(tmp_path / "no" / "folder.wav", samples, rate)


def test_plot_is_a_picture(tmp_path: Path, song: songs.Song) -> None:
    features = AudioAnalyzer().analyze_samples(song.samples, songs.RATE)
    path = tmp_path / "plot.png"
    plot(features, path, title="Müsik <&> $x$ 音楽")
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputError):
        plot(features, tmp_path / "no" / "plot.png")


def test_plot_of_next_to_nothing(tmp_path: Path) -> None:
    features = AudioAnalyzer().analyze_samples(np.zeros(1, np.float32), 22050)
    plot(features, tmp_path / "nothing.png")
    assert (tmp_path / "nothing.png").stat().st_size > 10_000


def test_clock() -> None:
    assert [clock_text(s) for s in (0, 5, 61, 600)] == ["0:00", "0:05", "1:01", "10:00"]
    assert clock_text(1.25, 0.25) == "0:01.25"
