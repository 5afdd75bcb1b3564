"""What is heard at one moment, for mappings and live shows."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from phosphene.audio.types import AudioFeatures, FloatArray

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

    @property
    def counted_beats(self) -> float:
        """beats, counted so that bars begin at multiples of their length where bars are counted at all"""
        beats = self.bar * self.beats_per_bar + self.bar_position
        apart = abs(math.remainder(beats - self.beat_position, 1.0))
        # without bars both stay 0, which lies near every whole beat
        return beats if beats and apart <= NO_BARS else self.beat_position


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
        **{name: float(getattr(features, name)[frame]) for name in CURVES},
    )


_TOLD = {each.name for each in fields(FrameFeatures)}
CURVES = tuple(
    each.name for each in fields(AudioFeatures) if each.type == "FloatArray" and each.name in _TOLD
)
"""what a song has a curve of, and a moment one number, by the same name"""
