"""What is heard at one moment, for mappings and live shows."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from phosphene.audio.types import AudioFeatures, FloatArray

ON_BEAT, BETWEEN = 0.12, 0.3
"""beats from the nearest: to the first an attack is on it (60 ms at 120 a minute), from the second off it"""
SLOW, FAST = 75.0, 105.0
"""beats a minute: up to the first all of them and their halves can light up, from the second only beats"""
NO_BARS = 0.01
"""beats by which bars and beats may differ where bars are counted at all"""


@dataclass(frozen=True)
class FrameFeatures:
    """The features of one frame, wherever it comes from: a song at a frame, or a microphone now."""

    frame: int
    time: float
    """seconds in the song"""
    fps: float
    energy: float
    onset: float
    bass: float
    mid: float
    treble: float
    """relative loudness, 1 = usual"""
    centroid: float
    beat_phase: float
    beat_position: float
    is_beat: bool
    section: int
    chroma: FloatArray
    downbeat: bool = False
    """a bar begins"""
    bar_position: float = 0.0
    """beats since the bar began, fractional"""
    bar: int = 0
    """bars counted so far"""
    beats_per_bar: int = 4
    metre: int = 4
    """upper figure of the time signature, 2 to 7; 6 is two beats of three"""
    phrase: int = 0
    """phrases of 4, 8 or 16 bars counted so far"""
    kick: float = 0.0
    """0..1 strength of the attack, falling after it"""
    snare: float = 0.0
    hat: float = 0.0
    percussive: float = 0.0
    """0..1 loudness of what is struck"""
    harmonic: float = 0.0
    """0..1 loudness of what sounds on"""
    brightness: float = 0.0
    """0..1"""
    vocals: float = 0.0
    """0..1 loudness of voices, in songs that were taken apart"""
    loudness: float = -70.0
    """LUFS, momentary"""
    build: float = 0.0
    """0..1 how far the music has built up"""
    drop: bool = False
    """the music drops in with full force"""
    off_beat: float = 0.0
    """0..1 how far between two beats the attack of `onset` was struck, see :func:`between_beats`"""

    @property
    def counted_beats(self) -> float:
        """beats, counted so that bars begin at multiples of their length where bars are counted at all"""
        beats = self.bar * self.beats_per_bar + self.bar_position
        apart = abs(math.remainder(beats - self.beat_position, 1.0))
        # without bars both stay 0, which lies near every whole beat
        return beats if beats and apart <= NO_BARS else self.beat_position


def between_beats(position: float, tempo: float) -> float:
    """0..1 for an attack at ``position`` in beats: 0 on a beat, 1 between two, at ``tempo`` beats a minute.

    0 as well where none is counted (tempo 0), and where the music is so slow that beats and their halves are
    not too many to light up all: at 120 a minute beats are two flashes a second, and three are the limit.
    """
    apart = abs(math.remainder(position, 1.0))
    way = min(1.0, max(0.0, (apart - ON_BEAT) / (BETWEEN - ON_BEAT)))
    crowded = min(1.0, max(0.0, (tempo - SLOW) / (FAST - SLOW)))
    return crowded * way * way * (3.0 - 2.0 * way)


def strongest(features: AudioFeatures, first: int, last: int) -> int:
    """The frame of ``first`` to ``last`` in which the strongest attack is heard."""
    return first + int(features.onset_strength[first : last + 1].argmax())


def struck(features: AudioFeatures, frame: int) -> int:
    """The frame in which the attack began that is still heard in ``frame``."""
    onset, first = features.onset_strength, max(0, frame - round(features.fps))
    while frame > first and onset[frame - 1] > onset[frame]:
        frame -= 1
    return frame


def off_beat(features: AudioFeatures, frame: int) -> float:
    """0..1 how far between two beats the attack that is heard in ``frame`` was struck."""
    began = struck(features, frame)
    return between_beats(float(features.beat_position[began]), float(features.tempo_curve[began]))


def frame_features(features: AudioFeatures, frame: int) -> FrameFeatures:
    """One column of the features."""
    return FrameFeatures(
        frame=frame,
        time=features.time_of(frame),
        fps=features.fps,
        onset=float(features.onset_strength[frame]),
        beat_phase=float(features.beat_position[frame] % 1.0),
        is_beat=features.is_beat_frame(frame),
        section=int(np.searchsorted(features.section_frames, frame, side="right")) - 1,
        chroma=features.get_chroma_at_frame(frame),
        downbeat=features.is_downbeat_frame(frame),
        bar=int(features.bar[frame]),
        beats_per_bar=features.beats_per_bar,
        metre=features.metre,
        phrase=max(0, int(np.searchsorted(features.phrase_frames, frame, side="right")) - 1),
        drop=bool(
            np.any(np.abs(features.drop_times - features.time_of(frame)) * features.fps < 0.5)
        ),
        off_beat=off_beat(features, frame),
        **{name: float(getattr(features, name)[frame]) for name in CURVES},
    )


_TOLD = {each.name for each in fields(FrameFeatures)}
CURVES = tuple(
    each.name for each in fields(AudioFeatures) if each.type == "FloatArray" and each.name in _TOLD
)
"""what a song has a curve of, and a moment one number, by the same name"""
