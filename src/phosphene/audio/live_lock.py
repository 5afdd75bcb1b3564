"""Which estimate is believed: a tempo once found is held until another proves itself."""

from __future__ import annotations

import math

from phosphene.audio.live_search import Estimate
from phosphene.audio.metre import SAME

IN_PHASE = 0.2
"""beats by which two estimates may differ and still mean the same beats"""
YOUNG_SECONDS = 8.0
"""a lock younger than this gives way sooner"""
NAIVE_SECONDS, TRUST_SECONDS = 8.0, 16.0
"""how long a tempo has no right to stay, and then takes to earn it"""
PROOFS_YOUNG, PROOFS = 2, 3
"""estimates in a row that it takes to overthrow a lock"""
LEAST = 0.2
"""confidence from which a single estimate may start a lock"""
FAINT, PROOFS_FAINT = 0.15, 4
"""confidence under which an estimate says nothing; so many in a row that agree start a lock too: music
without drums is often no surer, and noise hardly ever agrees with itself"""
HOLD_SECONDS, FADE_SECONDS = 6.0, 12.0
"""how long a tempo stays sure that no estimate confirms, and then takes to be forgotten"""


class TempoLock:
    """The tempo that is counted, and the estimate that challenges it."""

    def __init__(self) -> None:
        self.held: Estimate | None = None
        self._since = 0.0
        self._confirmed = 0.0
        self._challenger: Estimate | None = None
        self._proofs = 0

    def confidence(self, now: float) -> float:
        """0..1: as sure as the last estimate that agreed, less for the time since."""
        if self.held is None:
            return 0.0
        late = now - self._confirmed - HOLD_SECONDS
        return self.held.confidence * min(max(1 - late / FADE_SECONDS, 0.0), 1.0)

    def old(self, now: float) -> bool:
        """True when the tempo is held for long enough to be kept in doubt."""
        return self.held is not None and now - self._since > YOUNG_SECONDS

    def trust(self, now: float) -> float:
        """0..1: how much the held tempo counts against its double and its half."""
        age = now - self._since - NAIVE_SECONDS
        return min(max(age / TRUST_SECONDS, 0.0), 1.0) if self.held else 0.0

    def settled(self, now: float) -> bool:
        """True when nothing calls for haste in the next search."""
        return self.old(now) and self._challenger is None

    def hear(self, estimate: Estimate | None, now: float) -> bool:
        """Weigh a new estimate at ``now`` seconds; True when another beat is held than before."""
        if estimate is None or estimate.confidence < FAINT:
            if self.held is None:
                self._challenger = None
            return False
        if self.held is not None and same_beats(self.held, estimate):
            self.held, self._confirmed = estimate, now
            self._challenger = None
            return False
        faint = estimate.confidence < LEAST
        if self.held is not None and faint:
            return False
        challenger, self._challenger = self._challenger, estimate
        again = challenger is not None and same_beats(challenger, estimate)
        self._proofs = self._proofs + 1 if again else 1
        if self._proofs >= self._needed(faint, now):
            self._take(estimate, now)
            return True
        return False

    def doubt(self, now: float) -> None:
        """The latest seconds speak against what is held: believe the next estimates sooner."""
        self._since = now

    def drop(self) -> None:
        """Hold nothing."""
        self.held = self._challenger = None

    def _needed(self, faint: bool, now: float) -> int:
        if self.held is None:
            return PROOFS_FAINT if faint else 1
        return PROOFS if self.old(now) else PROOFS_YOUNG

    def _take(self, estimate: Estimate, now: float) -> None:
        octave = self.held is not None and is_octave(self.held.tempo, estimate.tempo)
        self.held, self._challenger = estimate, None
        self._confirmed = now
        if not octave:
            self._since = now


def same_beats(one: Estimate, other: Estimate) -> bool:
    """True when both count the same beats."""
    if abs(one.tempo / other.tempo - 1) > SAME:
        return False
    off = (other.anchor - one.anchor) * other.tempo / 60
    return abs(math.remainder(off, 1.0)) < IN_PHASE


def is_octave(one: float, other: float) -> bool:
    """True when one tempo is the double of the other."""
    return any(abs(one / other / ratio - 1) < SAME for ratio in (0.5, 2.0))
