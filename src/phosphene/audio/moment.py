"""What is heard at one moment, for mappings and live shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phosphene.audio.types import AudioFeatures, FloatArray


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


def frame_features(features: AudioFeatures, frame: int) -> FrameFeatures:
    """One column of the features."""
    return FrameFeatures(
        frame=frame,
        time=features.time_of(frame),
        fps=features.fps,
        energy=float(features.energy[frame]),
        onset=float(features.onset_strength[frame]),
        bass=float(features.bass[frame]),
        mid=float(features.mid[frame]),
        treble=float(features.treble[frame]),
        centroid=float(features.centroid[frame]),
        beat_phase=float(features.beat_position[frame] % 1.0),
        beat_position=float(features.beat_position[frame]),
        is_beat=features.is_beat_frame(frame),
        section=int(np.searchsorted(features.section_frames, frame, side="right")) - 1,
        chroma=features.get_chroma_at_frame(frame),
    )
