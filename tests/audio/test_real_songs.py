"""Four recorded songs with known tempo maps (Debian package fretsonfire-songs-sectoid)."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from phosphene.audio import AudioAnalyzer

from .songs import beat_score

ROOT = Path("/usr/share/games/fretsonfire/data/songs/sectoid")
NAMES = ("Escape from chaosland", "Feelings", "Metal madness", "War of freedom")

pytestmark = pytest.mark.skipif(
    not ROOT.is_dir(),
    reason="apt install fretsonfire-songs-sectoid: the songs are not ours to ship",
)


def midi_tempo(path: Path) -> float:
    """The first tempo in a MIDI file, BPM: meta event FF 51 03 and microseconds per beat."""
    data = path.read_bytes()
    where = data.index(b"\xff\x51\x03")
    (microseconds,) = struct.unpack(">I", b"\0" + data[where + 3 : where + 6])
    return 6e7 / microseconds


@pytest.mark.parametrize("name", NAMES)
def test_tempo_and_grid(name: str) -> None:
    truth = midi_tempo(ROOT / name / "notes.mid")
    features = AudioAnalyzer().analyze(ROOT / name / "song.ogg")
    assert features.tempo == pytest.approx(truth, rel=0.005)
    # the charts do not promise where beat 0 is: the best constant offset is allowed
    beats = np.arange(0, features.duration, 60 / truth)
    offsets = np.arange(0, 60 / truth, 0.01)
    found = features.beat_times
    assert max(beat_score(found, beats + offset) for offset in offsets) > 0.95
