"""The process that hears a song: `python -m phosphene.server.hearing`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from phosphene.audio import AudioAnalyzer
from phosphene.audio.compose import compose
from phosphene.config import AudioConfig
from phosphene.server.hearing.archive import load_features
from tests.audio.conftest import CODECS, encode

SECONDS = 8.0


def hear(song: Path, out: Path, most: float = 60.0) -> list[dict]:
    """What it says, line by line."""
    config = AudioConfig(fps=30).model_dump_json()
    done = subprocess.run(
        [sys.executable, "-m", "phosphene.server.hearing", str(song), str(out), str(most), config],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", ["mp3", "ogg", "video"])
def test_every_kind_of_song_is_heard(name: str, tmp_path: Path) -> None:
    samples, rate = compose(SECONDS)
    path = tmp_path / (f"song.{name}" if name != "video" else "demo.mp4")
    if name == "ogg":
        there = np.arange(int(SECONDS * 48000)) * (rate / 48000)
        mono = np.interp(there, np.arange(len(samples)), samples.mean(1))
        samples, rate = mono, 48000
    codec = CODECS.get(name, "aac")
    encode(path, samples, rate, codec, picture=name == "video")
    # uploads have no name that says what they are
    song, out = path.rename(tmp_path / "song"), tmp_path / "song.npz"
    told = [line["progress"] for line in hear(song, out)]
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)
    assert len(told) > 10
    features = load_features(out)
    assert features.duration == pytest.approx(SECONDS, abs=0.2)
    assert features.tempo > 60
    here = AudioAnalyzer(AudioConfig(fps=30)).analyze(song)
    np.testing.assert_array_equal(features.energy, here.energy)
    np.testing.assert_array_equal(features.beat_times, here.beat_times)


def test_what_fails_is_said_without_the_path(tmp_path: Path) -> None:
    song = tmp_path / "song"
    song.write_bytes(b"words, not sound\n" * 99)
    (line,) = hear(song, tmp_path / "out.npz")[-1:]
    assert "sound" in line["failed"]
    assert str(tmp_path) not in line["failed"]
    assert not (tmp_path / "out.npz").exists()


def test_a_song_is_refused_as_soon_as_it_proves_too_long(tmp_path: Path) -> None:
    song = encode(tmp_path / "song.wav", np.zeros(30 * 8000), 8000, "pcm_s16le")
    *before, last = hear(song, tmp_path / "out.npz", 20.0)
    assert "longer" in last["failed"]
    # what it says of its length is not believed: it is heard up to the limit and no further
    assert all(line["progress"] < 1.0 for line in before)
    assert not (tmp_path / "out.npz").exists()
