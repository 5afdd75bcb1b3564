"""What an analysis backend hands to the analyzer: a song at the backend's own rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from phosphene.audio.bars import Bars
from phosphene.audio.beats import BeatGrid
from phosphene.audio.progress import Progress, untold
from phosphene.audio.pulse import Float64Array
from phosphene.audio.types import FloatArray
from phosphene.config import AudioConfig


@dataclass(frozen=True, eq=False)
class SongCurves:
    """The whole song. Moment ``k`` of a curve is at ``k / rate`` seconds and knows no later sound."""

    rate: float
    """moments per second"""
    bands: FloatArray
    """(k, 3) relative loudness of bass, mid, treble; 1 is usual"""
    energy: FloatArray
    """(k,) 0..1"""
    onsets: FloatArray
    """(k,) 0..1"""
    centroid: FloatArray
    """(k,) Hz"""
    chroma: FloatArray
    """(c, 12), largest of each row 1 or all 0"""
    chroma_rate: float
    """rows of ``chroma`` per second"""
    beats: BeatGrid
    bars: Bars
    sections: Float64Array
    """(sections,) start times, seconds; the first is 0"""
    newness: FloatArray
    """(bars,) how new the music is at each bar's beginning"""
    drums: FloatArray
    """(k, 3) 0..1 strokes of kick, snare and hats"""
    sustained: FloatArray
    """(k, 2) 0..1 loudness of what is struck, and of what sounds on"""
    lufs: FloatArray
    """(k,) momentary"""
    low: FloatArray
    """(k,) amplitude of the bass"""


class Backend(Protocol):
    """A function that hears a song."""

    def __call__(
        self, samples: FloatArray, rate: int, config: AudioConfig, progress: Progress = untold
    ) -> SongCurves:
        """``samples`` (n,) mono at ``rate`` Hz, finite; ``progress`` is told the share done."""
        ...
