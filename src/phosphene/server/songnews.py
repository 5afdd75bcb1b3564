"""A song that was heard, as the page draws it."""

from __future__ import annotations

import itertools

import numpy as np

from phosphene.audio.types import AudioFeatures, FloatArray
from phosphene.server.protocol import SongNews

BARS = 200


def ready_news(song: str, features: AudioFeatures, sha256: str = "") -> SongNews:
    """Length, tempo, beats, sections and the outline of the loudness."""
    minutes, seconds = divmod(round(features.duration), 60)
    tempo = f"{features.tempo:.1f} BPM" if features.tempo > 0 else "no steady beat"
    return SongNews(
        id=song,
        state="ready",
        progress=1.0,
        text=f"{minutes}:{seconds:02d}, {tempo}",
        duration=features.duration,
        tempo=features.tempo,
        sha256=sha256 or None,
        bars=[round(float(time), 4) for time in features.downbeat_times],
        beats=[round(float(time), 3) for time in features.beat_times],
        sections=[round(features.time_of(int(frame)), 3) for frame in features.section_frames],
        loudness=outline(features.energy, BARS),
    )


def outline(energy: FloatArray, bars: int) -> list[float]:
    """(bars,) the loudest moment of each of ``bars`` equal stretches, 0..1."""
    edges = np.linspace(0, len(energy), bars + 1).astype(int)
    peaks = [energy[a : max(a + 1, b)].max() for a, b in itertools.pairwise(edges)]
    return [round(float(peak), 3) for peak in peaks]
