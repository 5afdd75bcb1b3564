"""With nothing to hear the picture breathes by itself."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from itertools import pairwise
from statistics import median

import numpy as np

from phosphene.audio.moment import FrameFeatures
from phosphene.show.live.feature_frame import FeatureFrame
from phosphene.show.live.types import BeatAction, BeatFrom

TEMPO = 60.0
"""beats per minute that nobody asked for"""
SLOWEST, FASTEST = 15.0, 300.0
ENERGY = 0.4
BREATH_BEATS = 8.0
"""beats in which the energy swells and sinks once"""
TAP_GAP = 2.0
"""seconds; a longer pause between two taps begins another count"""
TAPS = 8
LEAD_TAPS = 4
"""that put the hand before other programs' beats"""


class Dream:
    """A steady slow beat at usual loudness, which a performer may tap, double, halve and move."""

    def __init__(self, now: float) -> None:
        self.tempo = TEMPO
        self._born = now
        # a moment, and the beats counted up to it
        self._anchor = now, 0.0
        self._taps: deque[float] = deque(maxlen=TAPS)
        self._led = False

    def beats(self, time: float) -> float:
        """Beats counted up to monotonic ``time``."""
        then, beats = self._anchor
        return beats + (time - then) * self.tempo / 60.0

    def set_pulse(self, tempo: float, beats: float, now: float) -> None:
        """Count on from ``beats`` at ``now``."""
        self.tempo, self._anchor = tempo, (now, beats)

    def hear(self, now: float, ahead: float) -> FeatureFrame:
        """Never nothing."""
        moment = replace(breath(self.beats(now + ahead)), time=now - self._born)
        by: BeatFrom = "hand" if self._led else "own"
        return FeatureFrame(moment, now, self, self.tempo, 0.0, beat_from=by)

    def follow(self, tempo: float, now: float) -> None:
        """Breathe at another tempo from ``now`` on, as a song does that is only paused."""
        if tempo > 0 and tempo != self.tempo:
            self._anchor = now, self.beats(now)
            self.tempo = tempo

    def correct(self, action: BeatAction, at: float, seconds: float) -> None:
        """From the second tap on taps give the tempo, too."""
        if action == "tap":
            self._tap(at)
            return
        then, beats = self._anchor
        self._anchor = (then + seconds, beats) if action == "nudge" else (at, self.beats(at))
        if action == "release":
            self.tempo, self._led = TEMPO, False
            self._taps.clear()
        elif action != "nudge":
            factor = 2.0 if action == "double" else 0.5
            self.tempo = min(FASTEST, max(SLOWEST, self.tempo * factor))

    def _tap(self, at: float) -> None:
        if self._taps and not 0.0 < at - self._taps[-1] < TAP_GAP:
            self._taps.clear()
        self._taps.append(at)
        self._anchor = at, float(round(self.beats(at)))
        self._led = self._led or len(self._taps) >= LEAD_TAPS
        if len(self._taps) > 1:
            gap = median(after - before for before, after in pairwise(self._taps))
            self.tempo = min(FASTEST, max(SLOWEST, 60.0 / gap))


def breath(beats: float) -> FrameFeatures:
    """What a dream feels like after ``beats``: bands and energy swell and sink, beats are soft."""
    phase = beats % 1.0
    turn = 2.0 * math.pi * beats / BREATH_BEATS
    return FrameFeatures(
        frame=0,
        time=0.0,
        fps=1.0,
        energy=ENERGY + 0.1 * math.sin(turn),
        onset=0.15 * math.exp(-6.0 * phase),
        bass=1.0 + 0.2 * math.sin(turn),
        mid=1.0 + 0.2 * math.cos(turn),
        treble=1.0,
        centroid=0.0,
        beat_phase=phase,
        beat_position=beats,
        is_beat=False,
        section=0,
        chroma=np.zeros(12, np.float32),
    )
