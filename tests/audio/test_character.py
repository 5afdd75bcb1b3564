"""Drums apart, what is struck and what sounds on, loudness, key, builds and drops."""

from __future__ import annotations

import numpy as np
import pytest

from phosphene.audio import AudioAnalyzer, synth
from phosphene.audio.analyzer import find_key
from phosphene.audio.loudness import integrated

from . import songs
from .listening import listen

RATE = songs.RATE
DRUMS = ("kick", "snare", "hat")


def pattern() -> tuple[np.ndarray, dict[str, list[float]]]:
    """Ten seconds: a drum every 0.4 s, in turn."""
    rng = np.random.default_rng(0)
    sounds = (synth.kick(RATE), synth.snare(RATE, rng), synth.hat(RATE, rng))
    gains = (0.9, 0.6, 0.5)
    track = np.zeros(10 * RATE, np.float32)
    hits: dict[str, list[float]] = {name: [] for name in DRUMS}
    for index in range(23):
        which, time = index % 3, 0.4 + 0.4 * index
        synth.mix_in(track, sounds[which], time, RATE, gains[which])
        hits[DRUMS[which]].append(time)
    return track, hits


def struck(times: np.ndarray, curve: np.ndarray, hits: list[float]) -> np.ndarray:
    """Largest of the curve within 80 ms after each hit."""
    return np.asarray([curve[(times >= hit) & (times < hit + 0.08)].max() for hit in hits])


@pytest.mark.parametrize("live", [False, True])
def test_drums_are_told_apart(live: bool) -> None:
    track, hits = pattern()
    if live:
        log = listen(track)
        times, curves = log.times, {name: log.curve(name) for name in DRUMS}
    else:
        features = AudioAnalyzer().analyze_samples(track, RATE)
        times = np.arange(features.num_frames) / features.fps
        curves = {name: getattr(features, name) for name in DRUMS}
    for name in DRUMS:
        own = [hit for hit in hits[name] if hit > 1.7]
        others = [hit for other in DRUMS if other != name for hit in hits[other] if hit > 1.7]
        assert struck(times, curves[name], own).min() > 0.5, name
        assert np.median(struck(times, curves[name], others)) < 0.3, name


@pytest.mark.parametrize("live", [False, True])
def test_what_is_struck_and_what_sounds_on(live: bool) -> None:
    pad = 0.3 * synth.pad(RATE, (57, 60, 64), 6.0)
    drums = pattern()[0][: 6 * RATE]

    def means(sound: np.ndarray) -> tuple[float, float]:
        if live:
            log = listen(sound)
            return float(log.curve("percussive")[60:150].mean()), float(
                log.curve("harmonic")[60:150].mean()
            )
        features = AudioAnalyzer().analyze_samples(sound, RATE)
        return float(features.percussive[48:120].mean()), float(features.harmonic[48:120].mean())

    struck_pad, held_pad = means(pad)
    struck_drums, held_drums = means(drums)
    assert held_pad > 1.5 * struck_pad
    assert struck_drums > 1.5 * held_drums


def test_loudness_of_the_standards_sine() -> None:
    # ITU-R BS.1770: a sine of 997 Hz at full scale in one channel reads -3.01 LUFS
    t = np.arange(5 * RATE) / RATE
    for level in (0.0, -20.0):
        sine = (10 ** (level / 20) * np.sin(2 * np.pi * 997 * t)).astype(np.float32)
        features = AudioAnalyzer().analyze_samples(sine, RATE)
        assert features.integrated_loudness == pytest.approx(level - 3.01, abs=0.2)
        assert features.loudness[60] == pytest.approx(level - 3.01, abs=0.2)
        assert listen(sine).moments[-1].loudness == pytest.approx(level - 3.01, abs=0.2)
    silence = AudioAnalyzer().analyze_samples(np.zeros(RATE, np.float32), RATE)
    assert silence.integrated_loudness == -70
    assert (silence.loudness == -70).all()


def test_quiet_passages_do_not_count_in_the_whole() -> None:
    curve = np.concatenate((np.full(1000, -20.0), np.full(1000, -45.0))).astype(np.float32)
    assert integrated(curve, 100) == pytest.approx(-20, abs=0.1)


@pytest.mark.parametrize("shift", range(0, 12, 5))
def test_keys(shift: int) -> None:
    t = np.arange(2 * RATE) / RATE
    names = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

    def chords(*roots: tuple[int, ...]) -> np.ndarray:
        return np.concatenate(
            [
                0.2 * sum(np.sin(2 * np.pi * synth.midi_hz(note + shift) * t) for note in chord)
                for chord in roots
            ]
        ).astype(np.float32)

    major = chords((60, 64, 67), (65, 69, 72), (67, 71, 74), (60, 64, 67))
    minor = chords((57, 60, 64), (62, 65, 69), (64, 68, 71), (57, 60, 64))
    analyze = AudioAnalyzer().analyze_samples
    assert analyze(major, RATE).key == f"{names[shift]} major"
    assert analyze(minor, RATE).key == f"{names[(9 + shift) % 12]} minor"
    assert find_key(np.zeros((10, 12), np.float32)) == ""


def test_a_drop_and_the_build_up_to_it() -> None:
    full = songs.make_song("house", 125.0, 48.0)
    track = full.samples.copy()
    # sixteen beats without bass drum and bass, then all of it
    begin, drop = full.beats[48], full.beats[64]
    low, high = round(begin * RATE), round(drop * RATE)
    spectrum = np.fft.rfft(track[low:high])
    spectrum[np.fft.rfftfreq(high - low, 1 / RATE) < 400] = 0
    track[low:high] = np.fft.irfft(spectrum, high - low)
    features = AudioAnalyzer().analyze_samples(track, RATE)
    assert len(features.drop_times) == 1
    assert abs(features.drop_times[0] - drop) < 0.1
    times = np.arange(features.num_frames) / features.fps
    assert features.build[times < begin - 1].max() == 0
    assert features.build[np.searchsorted(times, drop) - 2] > 0.8
    assert features.build[times > drop + 0.5].max() == 0
    log = listen(track)
    dropped = log.times[np.asarray([moment.drop for moment in log.moments])]
    assert len(dropped) == 1
    assert abs(dropped[0] - drop) < 0.5
    assert log.curve("build")[np.searchsorted(log.times, drop - 0.2)] > 0.3
    usual = AudioAnalyzer().analyze_samples(full.samples, RATE)
    assert not len(usual.drop_times)


def test_brightness_follows_the_spectrum() -> None:
    t = np.arange(2 * RATE) / RATE
    dull, shrill = (0.3 * np.sin(2 * np.pi * f * t).astype(np.float32) for f in (200, 5000))
    analyze = AudioAnalyzer().analyze_samples
    assert analyze(dull, RATE).brightness[20] < 0.15
    assert analyze(shrill, RATE).brightness[20] > 0.85
