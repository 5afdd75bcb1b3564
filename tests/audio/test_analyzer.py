"""The whole analysis, frame by frame."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from phosphene.audio import AudioAnalyzer, AudioFeatures
from phosphene.audio.compose import compose
from phosphene.config import AudioConfig
from phosphene.errors import InputError

from . import songs
from .conftest import Encoder

BACKENDS = ["numpy", "librosa"]


def analyzer(backend: str, **settings: float) -> AudioAnalyzer:
    if backend == "librosa":
        pytest.importorskip("librosa", reason="the librosa backend needs the extra [librosa]")
    return AudioAnalyzer(AudioConfig(backend=backend, **settings))


def assert_sound(features: AudioFeatures) -> None:
    """Shapes and ranges that every result keeps."""
    n = features.num_frames
    assert n == max(1, math.ceil(features.duration * features.fps - 1e-6))
    curves = ("beat_position", "onset_strength", "energy", "bass", "mid", "treble", "centroid")
    for name in curves:
        curve = getattr(features, name)
        assert curve.shape == (n,), name
        assert curve.dtype == np.float32, name
        assert np.isfinite(curve).all(), name
        assert not curve.flags.writeable, name
    assert features.chroma_cq.shape == (12, n)
    assert 0 <= features.energy.min() <= features.energy.max() <= 1
    assert 0 <= features.onset_strength.min() <= features.onset_strength.max() <= 1
    for band in (features.bass, features.mid, features.treble):
        assert 0 <= band.min() <= band.max() <= 4
    assert np.all(np.diff(features.beat_position) >= 0)
    tops = features.chroma_cq.max(0)
    assert np.all((np.abs(tops - 1) < 1e-4) | (tops == 0))
    assert features.section_frames[0] == 0
    assert np.all(np.diff(features.section_frames) > 0)
    assert np.all((features.beat_frames >= 0) & (features.beat_frames < n))
    assert 0 <= features.tempo_confidence <= 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_song(backend: str, song: songs.Song) -> None:
    features = analyzer(backend).analyze_samples(song.samples, songs.RATE)
    assert_sound(features)
    assert features.num_frames == 288
    assert features.tempo == pytest.approx(120, rel=0.03 if backend == "librosa" else 0.005)
    assert features.bass.mean() == pytest.approx(1, abs=0.25)
    assert features.is_beat_frame(int(features.beat_frames[3]))
    assert features.get_chroma_at_frame(10**9).shape == (12,)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ["silence", "dither", "tone", "short", "one", "click", "nan"])
def test_odd_sounds_are_calm(backend: str, kind: str) -> None:
    rng = np.random.default_rng(0)
    rate = songs.RATE
    sound = {
        "silence": np.zeros(4 * rate),
        "dither": rng.integers(-1, 2, 4 * rate) / 32768,
        "tone": 0.5 * np.sin(0.1 * np.arange(4 * rate)),
        "short": 0.5 * np.sin(0.1 * np.arange(rate // 10)),
        "one": np.ones(1),
        "click": np.eye(1, 4 * rate, 2 * rate)[0],
        "nan": np.full(rate, np.nan),
    }[kind]
    with warnings.catch_warnings():
        if backend == "numpy":
            warnings.simplefilter("error")
        features = analyzer(backend).analyze_samples(sound.astype(np.float32), rate)
    assert_sound(features)
    assert features.tempo == 0
    assert len(features.beat_times) == 0
    assert not features.beat_position.any()
    if kind in ("silence", "dither", "nan"):
        for name in ("energy", "bass", "mid", "treble", "onset_strength", "chroma_cq"):
            assert not getattr(features, name).any(), name


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (96000, 6)])
def test_extreme_rates(rate: int, channels: int) -> None:
    noise = np.random.default_rng(0).standard_normal((3 * rate, channels)).astype(np.float32)
    assert_sound(AudioAnalyzer().analyze_samples(0.1 * noise, rate))


def test_nothing_moves_before_the_hit() -> None:
    # quiet hum, then a hit at 2 s: frames up to then must not know of it
    rng = np.random.default_rng(0)
    samples = (0.01 * np.sin(0.05 * np.arange(4 * songs.RATE))).astype(np.float32)
    begin, count = 2 * songs.RATE, songs.RATE // 2
    samples[begin : begin + count] += rng.uniform(-0.8, 0.8, count).astype(np.float32)
    features = AudioAnalyzer(AudioConfig(fps=50)).analyze_samples(samples, songs.RATE)
    assert not features.onset_strength[90:101].any()
    assert features.onset_strength[101:104].max() == 1
    for curve in (features.energy, features.bass, features.treble):
        np.testing.assert_allclose(curve[90:101], curve[95], atol=0.02)
        assert curve[102:106].max() > curve[95] + 0.2


@pytest.mark.parametrize("fps", [1.0, 12.0, 23.976, 24.0, 60.0, 240.0])
def test_every_frame_rate_hears_the_same(fps: float, song: songs.Song) -> None:
    features = AudioAnalyzer(AudioConfig(fps=fps)).analyze_samples(song.samples, songs.RATE)
    assert_sound(features)
    assert abs(features.num_frames / fps - 12) <= 1 / fps
    fine = AudioAnalyzer(AudioConfig(fps=240)).analyze_samples(song.samples, songs.RATE)
    moments = np.round(np.arange(features.num_frames) * 240 / fps).astype(int)
    moments = np.minimum(moments, fine.num_frames - 1)
    np.testing.assert_allclose(features.energy, fine.energy[moments], atol=0.12)


def test_gain_changes_nothing_but_the_silence(song: songs.Song) -> None:
    loud = AudioAnalyzer().analyze_samples(song.samples, songs.RATE)
    soft = AudioAnalyzer().analyze_samples(song.samples * np.float32(0.125), songs.RATE)
    assert soft.tempo == loud.tempo
    for name in ("energy", "bass", "mid", "treble", "onset_strength"):
        np.testing.assert_allclose(getattr(soft, name), getattr(loud, name), atol=5e-3)


def test_a_stretch_is_a_window_on_the_song(song: songs.Song, encoder: Encoder) -> None:
    path = encoder("song.wav", song.samples)
    whole = AudioAnalyzer().analyze(path)
    part = AudioAnalyzer().analyze(path, start=3.0, duration=2.5)
    assert_sound(part)
    assert (part.start, part.duration, part.num_frames) == (3.0, 2.5, 60)
    np.testing.assert_array_equal(part.energy, whole.energy[72:132])
    np.testing.assert_allclose(part.beat_position, whole.beat_position[72:132])
    assert part.tempo == whole.tempo
    inside = whole.beat_frames[(whole.beat_frames >= 72) & (whole.beat_frames < 132)]
    np.testing.assert_array_equal(part.beat_frames, inside - 72)
    assert AudioAnalyzer().analyze(path, start=11.0, duration=99).duration == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("start", "duration"),
    [(-1.0, None), (12.0, None), (math.nan, None), (0.0, 0.0), (0.0, -1.0), (0.0, math.inf)],
)
def test_stretches_outside_are_refused(start, duration, song: songs.Song) -> None:
    with pytest.raises(InputError):
        AudioAnalyzer().analyze_samples(song.samples, songs.RATE, start, duration)


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros((2, 2, 2)), np.array(["a"])])
def test_what_is_not_sound_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(InputError, match="are not sound"):
        AudioAnalyzer().analyze_samples(samples, 22050)


def test_whole_numbers_are_scaled(song: songs.Song) -> None:
    words = np.round(song.samples * 32767).astype(np.int16)
    exact = AudioAnalyzer().analyze_samples(song.samples, songs.RATE)
    rounded = AudioAnalyzer().analyze_samples(words, songs.RATE)
    np.testing.assert_allclose(rounded.energy, exact.energy, atol=1e-3)


def test_the_same_song_twice_is_the_same(song: songs.Song) -> None:
    first = AudioAnalyzer().analyze_samples(song.samples, songs.RATE)
    second = AudioAnalyzer().analyze_samples(song.samples.copy(), songs.RATE)
    for field in fields(first):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))


def test_chords_are_heard() -> None:
    t = np.arange(3 * songs.RATE) / songs.RATE
    for notes, tuning in (((60, 64, 67), 440.0), ((57, 60, 64), 440.0), ((62, 66, 69), 447.0)):
        pitches = [tuning * 2 ** ((note - 69) / 12) for note in notes]
        chord = sum(np.sin(2 * np.pi * f * t) + 0.3 * np.sin(4 * np.pi * f * t) for f in pitches)
        features = AudioAnalyzer().analyze_samples(0.2 * chord.astype(np.float32), songs.RATE)
        found = set(np.argsort(features.chroma_cq[:, 48])[-3:].tolist())
        assert found == {note % 12 for note in notes}


def test_sections_are_found_and_can_be_turned_off() -> None:
    quiet = songs.make_song("piano", 120.0, 20.0).samples * np.float32(0.4)
    loud = songs.make_song("rock", 120.0, 24.0).samples
    both = np.concatenate((quiet, loud, quiet))
    features = AudioAnalyzer().analyze_samples(both, songs.RATE)
    changes = features.section_frames[1:] / 24
    assert np.abs(changes - 20).min() < 1
    assert np.abs(changes - 44).min() < 1
    assert len(changes) <= 4
    never = AudioAnalyzer(AudioConfig(section_sensitivity=0)).analyze_samples(both, songs.RATE)
    assert never.section_frames.tolist() == [0]


def test_demo_piece_is_heard_as_written() -> None:
    samples, rate = compose(15.0, 0, 120.0)
    features = AudioAnalyzer().analyze_samples(samples, rate)
    assert features.tempo == pytest.approx(120, rel=0.005)
    assert 2 <= len(features.section_frames) <= 7
    beats = np.arange(30) * 0.5
    assert songs.beat_score(features.beat_times, beats[beats < 15]) > 0.9


def test_import_is_light() -> None:
    code = (
        "import sys, phosphene.audio;"
        "print([m for m in ('av', 'matplotlib', 'librosa', 'scipy', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_librosa_missing_is_said(monkeypatch: pytest.MonkeyPatch, song: songs.Song) -> None:
    from phosphene.errors import MissingExtraError

    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(MissingExtraError, match=r"phosphene\[librosa\]"):
        AudioAnalyzer(AudioConfig(backend="librosa")).analyze_samples(song.samples, songs.RATE)


def test_json_ready(song: songs.Song, tmp_path: Path) -> None:
    import json

    features = AudioAnalyzer().analyze_samples(song.samples, songs.RATE)
    back = json.loads(json.dumps(features.to_dict()))
    assert back["num_frames"] == len(back["energy"]) == features.num_frames
