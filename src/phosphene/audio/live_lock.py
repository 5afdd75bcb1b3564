"""Which estimate is believed: a beat once found is held until others prove themselves over bars."""

from __future__ import annotations

import math

from phosphene.audio.live_search import Estimate, Found, same_beats

CERTAIN, SURE, LIKELY = 0.99, 0.7, 0.55
"""chance with which a single answer starts a lock, and two that agree, at first and later; noise has an
even one"""
SOON_SECONDS, LATE_SECONDS = 7.0, 10.0
"""of music until likely beats start a lock, and until a single answer does"""
LEAST, FAINT = 0.4, 0.1
"""confidence under which an answer starts no lock, and says nothing"""
MARGIN = 1.0
"""natural log of odds that another count must have ahead to speak against the one that is held"""
DOUBT_SECONDS = 6.0
"""in which a lead of one over the margin makes one of doubt: windows overlap, so their answers are one
answer given often"""
DOUBT_MOST = 4.0
"""lead of a single answer that counts, however sure it is"""
YIELD_YOUNG, YIELD = 0.5, 6.0
"""doubt at which a young count and an old one give way"""
OLD_SECONDS = 40.0
FORGIVE_SECONDS = 20.0
"""time constant with which doubt is forgotten while what is held is best"""
PROOFS_YOUNG, PROOFS = 2, 3
"""answers in a row of another pulse, all the same, that overthrow a lock"""
YOUNG_SECONDS = 8.0
HOLD_SECONDS, FADE_SECONDS = 6.0, 15.0
"""how long a tempo stays sure that no estimate confirms, and then takes to be forgotten"""


class TempoLock:
    """The beat that is counted, and what speaks against it."""

    def __init__(self) -> None:
        self.held: Estimate | None = None
        self.doubt = 0.0
        """how much has spoken against the octave and phase that are held"""
        self._since = 0.0
        self._confirmed = 0.0
        self._heard = 0.0
        self._challenger: Estimate | None = None
        self._proofs = 0
        self._suspected = -math.inf

    def confidence(self, now: float) -> float:
        """0..1: as sure as the last estimate that agreed, less for the time since."""
        if self.held is None:
            return 0.0
        late = now - self._confirmed - HOLD_SECONDS
        return self.held.confidence * min(max(1 - late / FADE_SECONDS, 0.0), 1.0)

    def settled(self, now: float) -> bool:
        """True when nothing calls for haste in the next search."""
        old = self.held is not None and now - self._since > YOUNG_SECONDS
        return old and self._challenger is None and self.doubt < 0.5 * YIELD_YOUNG

    def hear(self, found: Found | None, now: float) -> bool:
        """Weigh an answer at ``now`` seconds; True when another beat is held than before."""
        passed, self._heard = min(now - self._heard, 4.0), now
        if found is None or found.best.confidence < FAINT:
            if self.held is None:
                self._challenger = None
            return False
        if self.held is None:
            return self._begin(found, now)
        if found.same is not None:
            return self._compare(found, found.same, passed, now)
        return self._challenge(found, now)

    def unsettle(self, now: float) -> None:
        """After a silence the beat may be another: believe the next answers sooner."""
        self._since, self.doubt, self._challenger = now, 0.0, None

    def suspect(self, now: float) -> None:
        """The latest seconds have another pulse: believe it sooner, should it say the same."""
        self._suspected = now

    def drop(self) -> None:
        """Hold nothing."""
        self.held = self._challenger = None
        self.doubt = 0.0

    def _begin(self, found: Found, now: float) -> bool:
        """Start a lock when the answers are sure enough for the length of the music, and agree."""
        best, length = found.best, found.length
        before, self._challenger = self._challenger, None
        if best.confidence < LEAST:
            return False
        self._challenger = best
        if found.chance < (SURE if length < SOON_SECONDS else LIKELY):
            return False
        again = before is not None and same_beats(before, best)
        late = length >= LATE_SECONDS and best.confidence >= LIKELY
        if not again and not late and found.chance < CERTAIN:
            return False
        self._take(best, now)
        return True

    def _compare(self, found: Found, same: Estimate, passed: float, now: float) -> bool:
        """Go on with the beats that are held, unless another count of the music leads for long."""
        assert self.held is not None
        self.held, self._confirmed, self._challenger = same, now, None
        if found.lead <= MARGIN:
            self.doubt *= max(0.0, 1 - passed / FORGIVE_SECONDS)
            return False
        self.doubt += (min(found.lead, DOUBT_MOST) - MARGIN) * passed / DOUBT_SECONDS
        age = min((now - self._since) / OLD_SECONDS, 1.0)
        if self.doubt < YIELD_YOUNG + (YIELD - YIELD_YOUNG) * age:
            return False
        self._take(found.best, now)
        return True

    def _challenge(self, found: Found, now: float) -> bool:
        """Another pulse: it must be as sure as a first beat, and say the same several times."""
        if found.chance < SURE or found.best.confidence < LIKELY:
            self._challenger = None
            return False
        best = found.best
        before, self._challenger = self._challenger, best
        again = before is not None and same_beats(before, best)
        self._proofs = self._proofs + 1 if again else 1
        young = min(now - self._since, now - self._suspected) <= YOUNG_SECONDS
        if self._proofs < (PROOFS_YOUNG if young else PROOFS):
            return False
        self._take(best, now)
        return True

    def _take(self, estimate: Estimate, now: float) -> None:
        self.held, self._challenger, self.doubt = estimate, None, 0.0
        self._since = self._confirmed = now
