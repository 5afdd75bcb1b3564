"""Immutable containers for what was heard."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
"""pitch classes"""


def _no_curve() -> FloatArray:
    return np.zeros(0, np.float32)


def _no_times() -> npt.NDArray[np.float64]:
    return np.zeros(0)


def _no_frames() -> IntArray:
    return np.zeros(0, np.int64)


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
    tempo_runner_up: float = 0.0
    """beats per minute that would be next, mostly the double or the half; 0: none"""
    tempo_curve: FloatArray = field(default_factory=_no_curve)
    """(n,) beats per minute now; 0 where nothing is counted"""
    metre: int = 4
    """upper figure of the time signature of most bars, 2 to 7; 6 is two beats of three"""
    beats_per_bar: int = 4
    """beats that are counted in most bars: ``metre``, but 2 where that is 6"""
    downbeat_times: npt.NDArray[np.float64] = field(default_factory=_no_times)
    """(bars,) seconds at which bars begin; each is one of ``beat_times``"""
    downbeat_frames: IntArray = field(default_factory=_no_frames)
    """(bars,) index of the frame nearest to each that falls inside the stretch"""
    bar_position: FloatArray = field(default_factory=_no_curve)
    """(n,) beats since the bar began, fractional"""
    bar: IntArray = field(default_factory=_no_frames)
    """(n,) bars counted from the first downbeat"""
    phrase_bars: int = 8
    """bars in most phrases: 4, 8 or 16"""
    phrase_frames: IntArray = field(default_factory=_no_frames)
    """(phrases,) first frame of each phrase"""
    kick: FloatArray = field(default_factory=_no_curve)
    """(n,) 0..1 strength of what is struck low, falling after the attack"""
    snare: FloatArray = field(default_factory=_no_curve)
    """(n,) the same for snares and claps"""
    hat: FloatArray = field(default_factory=_no_curve)
    """(n,) the same for hats and cymbals"""
    percussive: FloatArray = field(default_factory=_no_curve)
    """(n,) 0..1 loudness of what is struck"""
    harmonic: FloatArray = field(default_factory=_no_curve)
    """(n,) 0..1 loudness of what sounds on"""
    vocals: FloatArray = field(default_factory=_no_curve)
    """(n,) 0..1 loudness of voices, where the song was taken apart; else 0"""
    brightness: FloatArray = field(default_factory=_no_curve)
    """(n,) 0..1 the centroid as it seems: octaves from 200 to 6400 Hz"""
    loudness: FloatArray = field(default_factory=_no_curve)
    """(n,) momentary loudness of the mono mix, LUFS (ITU-R BS.1770); -70 is silence"""
    integrated_loudness: float = -70.0
    """loudness of the whole song, gated, LUFS"""
    build: FloatArray = field(default_factory=_no_curve)
    """(n,) 0..1 how far the music has built up to a drop"""
    drop_times: npt.NDArray[np.float64] = field(default_factory=_no_times)
    """(drops,) seconds at which the music drops in with full force"""
    key: str = ""
    """such as "A minor" or "C major"; empty where there is no harmony"""
    note: str = ""
    """what of the sound could not be decoded, in sentences; empty where all of it could"""

    def __post_init__(self) -> None:
        count = len(self.energy)
        if not len(self.bar_position):
            # whoever knows no bars counts fours
            self._set("bar_position", np.asarray(self.beat_position % 4.0, np.float32))
            self._set("bar", np.maximum(np.floor(self.beat_position / 4), 0).astype(np.int64))
        for entry in fields(self):
            # a curve that nobody gave is silent
            if entry.default_factory is _no_curve and not len(getattr(self, entry.name)):
                silence = -70.0 if entry.name == "loudness" else 0.0
                self._set(entry.name, np.full(count, silence, np.float32))
            value = getattr(self, entry.name)
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    def _set(self, name: str, value: npt.NDArray[Any]) -> None:
        object.__setattr__(self, name, value)

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

    def is_downbeat_frame(self, frame: int) -> bool:
        """True when a bar begins on this frame."""
        where = int(np.searchsorted(self.downbeat_frames, frame))
        return where < len(self.downbeat_frames) and int(self.downbeat_frames[where]) == frame

    def tempo_at(self, time: float) -> float:
        """Beats per minute ``time`` seconds into the song; 0 where nothing is counted."""
        return float(self.tempo_curve[self._clamp(round((time - self.start) * self.fps))])

    def get_chroma_at_frame(self, frame: int) -> FloatArray:
        """Chroma vector, shape (12,)."""
        return np.asarray(self.chroma_cq[:, self._clamp(frame)])

    def time_of(self, frame: int) -> float:
        """Seconds in the song at which ``frame`` is shown."""
        return self.start + frame / self.fps

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists under the field names, ready for JSON."""
        out: dict[str, Any] = {"num_frames": self.num_frames}
        for entry in fields(self):
            value = getattr(self, entry.name)
            out[entry.name] = value.tolist() if isinstance(value, np.ndarray) else value
        return out

    def _clamp(self, frame: int) -> int:
        return max(0, min(int(frame), self.num_frames - 1))
