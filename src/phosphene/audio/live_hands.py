"""The performer's hands on the beat: taps, double and half, nudges."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from phosphene.errors import InputError

TAPS = 4
"""taps that set the tempo"""
TAPS_KEPT = 8
PAUSE_SECONDS = 2.5
"""a longer gap between taps begins a new count"""
BOUNCE_SECONDS = 0.1
"""a second tap within this is the same one"""
OTHER_TEMPO = 0.35
"""share by which a gap may differ from the usual one"""
SCALES = (0.125, 8.0)
"""double and half stop here"""
NUDGE_MAX = 2.0
"""seconds that nudges may add up to"""


@dataclass(frozen=True)
class Beat:
    """A tempo and one moment at which a beat falls."""

    tempo: float
    """BPM"""
    anchor: float
    """seconds on the clock"""


class Hands:
    """What the performer has set."""

    def __init__(self) -> None:
        self.scale = 1.0
        """times the tempo that was found or tapped"""
        self.shift = 0.0
        """seconds by which beats are later"""
        self.tapped: Beat | None = None
        self._taps: list[float] = []

    def tap(self, time: float) -> bool:
        """Take one tap at ``time`` seconds; True when the taps make a tempo."""
        if not math.isfinite(time):
            raise InputError(f"{time} is not a time: tap with seconds on the analyzer's clock.")
        gap = time - self._taps[-1] if self._taps else 0.0
        if self._taps and 0 <= gap < BOUNCE_SECONDS:
            return False
        if not 0 <= gap < PAUSE_SECONDS:
            self._taps.clear()
        elif len(self._taps) > 1:
            usual = (self._taps[-1] - self._taps[0]) / (len(self._taps) - 1)
            if abs(gap / usual - 1) > OTHER_TEMPO:
                # the hand has begun another tempo
                del self._taps[:-1]
        self._taps = [*self._taps, time][-TAPS_KEPT:]
        if len(self._taps) < TAPS:
            return False
        # the straight line through the taps evens out the fingers
        period, first = np.polyfit(np.arange(len(self._taps)), self._taps, 1)
        self.scale, self.shift = 1.0, 0.0
        self.tapped = Beat(60 / float(period), float(first))
        return True

    def multiply(self, factor: float) -> None:
        """Double (2) or half (0.5) the tempo."""
        if factor not in (0.5, 2.0):
            raise InputError(f"the tempo cannot be scaled by {factor:g}: use 2 or 0.5.")
        self.scale = min(max(self.scale * factor, SCALES[0]), SCALES[1])

    def nudge(self, seconds: float) -> None:
        """Move all beats later (+) or earlier (-)."""
        if not math.isfinite(seconds):
            raise InputError(f"{seconds} is not a length of time: nudge by seconds.")
        self.shift = min(max(self.shift + seconds, -NUDGE_MAX), NUDGE_MAX)

    def release(self) -> None:
        """Let go of everything."""
        self.scale, self.shift, self.tapped = 1.0, 0.0, None
        self._taps.clear()
