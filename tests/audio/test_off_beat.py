"""Where between two beats an attack was struck: of a song, live, and where nobody counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from phosphene.audio.live import LiveAnalyzer
from phosphene.audio.moment import between_beats, frame_features
from phosphene.config import AudioConfig
from phosphene.show.transform.hear import Listener
from tests.conftest import make_features


def eighths(tempo: float = 120.0):
    """A beat and its half, 48 frames a beat at 96 frames a second."""
    features = make_features(num_frames=480, fps=96.0, tempo=tempo)
    half = np.exp(-6 * (2 * features.beat_position % 1.0)).astype(np.float32)
    return replace(features, onset_strength=half, tempo_curve=np.full(480, tempo, np.float32))


def test_none_on_beats_all_between_two_and_the_same_before_as_after() -> None:
    beats = np.linspace(3, 4, 201)
    off = np.array([between_beats(beat, 120.0) for beat in beats])
    # 55 ms either side of a beat at 120 a minute
    assert (off[np.minimum(beats - 3, 4 - beats) < 0.11] == 0).all()
    assert off == pytest.approx(off[::-1], abs=1e-9)
    assert off[100] == off.max() == 1
    assert (np.diff(off[:101]) >= -1e-9).all()


@pytest.mark.parametrize(("tempo", "expected"), [(0, 0), (70, 0), (90, 0.5), (120, 1), (200, 1)])
def test_slow_music_and_music_without_beats_has_none(tempo: float, expected: float) -> None:
    assert between_beats(0.5, tempo) == pytest.approx(expected)
    assert between_beats(2.0, tempo) == 0


def test_an_attack_that_falls_off_stays_where_it_was_struck() -> None:
    features = eighths()
    off = np.array([frame_features(features, k).off_beat for k in range(96, 192)])
    assert (off[:24] == 0).all()
    assert (off[24:48] == 1).all()
    uncounted = replace(features, tempo_curve=np.zeros(480, np.float32))
    assert frame_features(uncounted, 124).off_beat == 0


def test_of_a_picture_that_takes_long_it_is_the_strongest_attack() -> None:
    features = eighths()
    soft = features.onset_strength * np.where(features.beat_position % 1.0 < 0.5, 1.0, 0.4)
    heard = Listener(replace(features, onset_strength=soft.astype(np.float32)))
    # from between two beats until after the next
    assert heard.between(1.2, 0.6).off_beat == 0
    assert heard.between(1.2, 0.2).off_beat == 1


def clicks(seconds: float, tempo: float, rate: int) -> np.ndarray:
    """A loud hit on every beat, a soft click between two."""
    time = np.arange(round(seconds * rate)) / rate
    phase = (time * tempo / 60) % 1.0 * 60 / tempo
    half = (time * tempo / 60 + 0.5) % 1.0 * 60 / tempo
    noise = 0.1 * np.random.default_rng(0).standard_normal(len(time))
    kick = np.exp(-phase / 0.08) * (0.7 * np.sin(2 * np.pi * 60 * phase) + noise)
    return (kick + 0.2 * np.exp(-half / 0.03) * noise).astype(np.float32)


@pytest.mark.parametrize("late", [0.0, -200.0])
def test_live_it_is_the_sound_that_counts_not_the_picture(late: float) -> None:
    """However far ahead a picture is, and however beats are shifted for a slow projector."""
    rate, tempo = 22050, 120.0
    analyzer = LiveAnalyzer(AudioConfig(fps=30.0, beat_offset_ms=late))
    sound, step = clicks(16.0, tempo, rate), rate // 30
    on, off = [], []
    for k, begin in enumerate(range(0, len(sound) - step, step)):
        analyzer.feed(sound[begin : begin + step], rate)
        heard = analyzer.moment(ahead=0.15)
        at = (begin + step) / rate * tempo / 60
        if k / 30 < 10 or heard.onset < 0.12:
            continue
        (on if at % 1.0 < 0.25 else off if 0.5 <= at % 1.0 < 0.75 else []).append(heard.off_beat)
    assert len(on) > 10 and len(off) > 10
    assert np.mean(on) < 0.1
    assert np.mean(off) > 0.9
    # a rest: nothing is counted any more, and what comes then is whole
    for _ in range(90):
        analyzer.feed(np.zeros(step, np.float32), rate)
        heard = analyzer.moment()
    analyzer.feed(sound[rate // 4 : rate // 4 + 2 * step], rate)
    assert analyzer.moment().off_beat == 0
