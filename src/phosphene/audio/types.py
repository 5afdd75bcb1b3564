"""Immutable containers for what was heard."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class AudioFeatures:
    """Features of a song, one value per video frame; frame ``i`` is at ``start + i / fps`` seconds.

    All arrays are read-only. ``n`` is ``num_frames``.
    """

    fps: float
    """video frames per second the features are sampled at"""
    start: float
    """time of frame 0 in the song, seconds"""
    duration: float
    """length of the analysed stretch, seconds"""
    sample_rate: int
    """rate of the decoded sound before analysis, Hz"""
    tempo: float
    """beats per minute over the whole song; 0 when there is nothing to count"""
    tempo_confidence: float
    """0..1: how far the best tempo stands out"""
    beat_times: npt.NDArray[np.float64]
    """(beats,) seconds in the song, ascending"""
    beat_frames: IntArray
    """(beats,) index of the frame nearest to each beat that falls inside the stretch"""
    beat_position: FloatArray
    """(n,) beats counted from the first beat, fractional and never decreasing"""
    onset_strength: FloatArray
    """(n,) 0..1 strength of note attacks, peak-picked from log-spectral flux"""
    energy: FloatArray
    """(n,) 0..1 loudness relative to the song's own loud passages"""
    bass: FloatArray
    """(n,) loudness 20-320 Hz relative to its long average (1 = usual), attack/release smoothed"""
    mid: FloatArray
    """(n,) the same for 320-2800 Hz"""
    treble: FloatArray
    """(n,) the same for 2800-11025 Hz"""
    centroid: FloatArray
    """(n,) spectral centroid, Hz"""
    chroma_cq: FloatArray
    """(12, n) pitch-class energy C..B, each column's maximum is 1, or all 0 in silence"""
    section_frames: IntArray
    """(sections,) first frame of each section; begins with 0"""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    @property
    def num_frames(self) -> int:
        """number of video frames"""
        return int(self.energy.shape[0])

    @property
    def beat_phase(self) -> FloatArray:
        """(n,) 0..1 position inside the current beat"""
        return np.asarray(self.beat_position % 1.0, np.float32)

    def get_energy_at_frame(self, frame: int) -> float:
        """Energy 0..1; frames outside the song take the nearest one."""
        return float(self.energy[self._clamp(frame)])

    def is_beat_frame(self, frame: int) -> bool:
        """True when a beat falls on this frame."""
        where = int(np.searchsorted(self.beat_frames, frame))
        return where < len(self.beat_frames) and int(self.beat_frames[where]) == frame

    def get_chroma_at_frame(self, frame: int) -> FloatArray:
        """Chroma vector, shape (12,)."""
        return np.asarray(self.chroma_cq[:, self._clamp(frame)])

    def time_of(self, frame: int) -> float:
        """Seconds in the song at which ``frame`` is shown."""
        return self.start + frame / self.fps

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists under the field names, ready for JSON."""
        out: dict[str, Any] = {"num_frames": self.num_frames}
        for field in fields(self):
            value = getattr(self, field.name)
            out[field.name] = value.tolist() if isinstance(value, np.ndarray) else value
        return out

    def _clamp(self, frame: int) -> int:
        return max(0, min(int(frame), self.num_frames - 1))
