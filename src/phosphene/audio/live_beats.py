"""The live beat: searches the past, holds what it finds, lets the performer's hands overrule it."""

from __future__ import annotations

import math
from concurrent.futures import Future, ThreadPoolExecutor

from phosphene.audio.live_bars import LiveBars
from phosphene.audio.live_hands import Beat, Hands
from phosphene.audio.live_lock import TempoLock
from phosphene.audio.live_search import (
    RECENT_SECONDS,
    SHORTEST_SECONDS,
    BandMemory,
    Found,
    search,
)
from phosphene.audio.moment import between_beats
from phosphene.config import AudioConfig

SEARCH_SECONDS_FIRST, SEARCH_SECONDS, SEARCH_SECONDS_SETTLED = 0.5, 1.0, 2.0
"""from one search to the next: before there is a beat, at first, and when it is sure"""
ANSWER_SECONDS = 0.4
"""of sound from the question to the answer: the search has so long on its own thread, and its
answer comes at the same moment of the sound however fast the machine"""
REST_SECONDS = 1.5
"""a silence as long as this stops the count, and is not searched"""
OUTDATED = 2
"""answers in a row that the latest seconds speak against, after which only those are searched"""
SLEW_FIRST, SLEW, SLEW_HANDS = 0.5, 1.0, 0.3
"""seconds in which the count moves to a new beat, follows it, obeys the hands"""


class BeatClock:
    """Beats counted over time, continuous and never falling.

    Between corrections it runs at a constant tempo. A correction bends its rate for a moment, so
    that the count arrives at the wanted phase without a jump.
    """

    def __init__(self) -> None:
        self._begin = 0.0
        self._count = 0.0
        # beats a second until the bend ends, and after it
        self._bent = 0.0
        self._rate = 0.0
        self._straight = 0.0

    @property
    def rate(self) -> float:
        """Beats a second it runs at; 0 while it stands."""
        return self._rate

    def position(self, time: float) -> float:
        """Beats counted at ``time`` (seconds); times before the last correction give its count."""
        bend = min(max(time - self._begin, 0.0), self._straight - self._begin)
        return self._count + self._bent * bend + self._rate * max(time - self._straight, 0.0)

    def line(self, time: float) -> float:
        """Beats at ``time`` had the count always run as it will when it is in phase."""
        arrived = self._count + self._bent * (self._straight - self._begin)
        return arrived + self._rate * (time - self._straight)

    def steer(self, time: float, rate: float, phase: float, within: float) -> None:
        """From ``time`` on count ``rate`` beats a second, and be in phase ``within`` seconds later.

        ``phase`` (beats) is what the fraction of the count should be at ``time``. A count that is
        ahead waits, where need be for longer than ``within``.
        """
        count = self.position(time)
        off = math.remainder(phase - count, 1.0)
        # more than standing still is not possible
        length = max(within, -off / rate)
        self._begin, self._count = time, count
        self._straight = time + length
        # rounding must not make it fall
        self._bent, self._rate = max(0.0, rate + off / length), rate

    def stop(self, time: float) -> None:
        """Hold the count from ``time`` on."""
        self._count = self.position(time)
        self._begin = self._straight = time
        self._bent = self._rate = 0.0


class LiveBeats:
    """Counts beats on a :class:`BeatClock`, from estimates and from hands, and bars on top."""

    def __init__(self) -> None:
        self.clock = BeatClock()
        self.hands = Hands()
        self.bars = LiveBars()
        self._lock = TempoLock()
        self._worker = ThreadPoolExecutor(1, "phosphene-tempo")
        self._answer: Future[Found | None] | None = None
        self._due = 0.0
        self._next = 0.0
        self._begin = 0.0
        self._resting = False
        self._outdated = 0

    def tempo(self, config: AudioConfig) -> float:
        """BPM as counted; 0: none."""
        beat = self._beat()
        return beat.tempo * self.scale(config) if beat else 0.0

    def scale(self, config: AudioConfig) -> float:
        """Beats counted for one of the music."""
        return self.hands.scale * config.tempo_multiplier

    def late(self, config: AudioConfig) -> float:
        """Seconds by which beats are counted later than they sound, as settings and hands want it."""
        return self.hands.shift + config.beat_offset_ms / 1000

    def off_beat(self, time: float, config: AudioConfig) -> float:
        """0..1 how far between two beats a sound at ``time`` is, see `moment.between_beats`."""
        beats = self.clock.line(time + self.late(config))
        return between_beats(beats, 60.0 * self.clock.rate)

    def confidence(self, now: float) -> float:
        """0..1; a tapped beat is certain."""
        return 1.0 if self.hands.tapped else self._lock.confidence(now)

    def hear(
        self, now: float, shown: float, sounded: float, memory: BandMemory, config: AudioConfig
    ) -> None:
        """Go on to ``now``; something last ``sounded`` then, moments up to ``shown`` are out."""
        if self._answer is not None and now >= self._due:
            found, self._answer = self._answer.result(), None
            self._weigh(found, now, shown, config)
        if self._lock.held is not None and self._lock.confidence(now) <= 0:
            self._lock.drop()
            self._begin = now
            if self._beat() is None:
                self.clock.stop(max(now, shown))
        resting = self._rest(now, shown, sounded, config)
        if resting and self._lock.held is None:
            self._begin = now
        enough = now - self._begin >= SHORTEST_SECONDS
        if self._answer is None and now >= self._next and enough and not resting:
            past = memory.since(self._begin)
            self._answer = self._worker.submit(search, past, config.model_copy(), self._lock.held)
            self._due = now + ANSWER_SECONDS
            self._next = now + self._pause(now)

    def steer(
        self, at: float, config: AudioConfig, within: float = SLEW_HANDS, fresh: bool = True
    ) -> None:
        """Lead the count onto the beat; ``fresh``: which of two beats is the half-time one may change."""
        beat = self._beat()
        if beat is None:
            return
        scale = self.scale(config)
        late = self.late(config)
        beats = (at - beat.anchor - late) * beat.tempo / 60
        count = self.clock.position(at)
        # at half tempo every second beat counts: stay with the ones that are counted
        options = range(1 if fresh else max(1, round(1 / scale)))
        phases = [(beats + option) * scale for option in options]
        nearest = min(phases, key=lambda phase: abs((phase - count + 0.5) % 1.0 - 0.5))
        self.clock.steer(at, beat.tempo * scale / 60, nearest, within)

    def tapped(self, at: float, config: AudioConfig) -> None:
        """The hands have made a beat: the first of the taps begins a bar."""
        self.steer(at, config)
        if self.hands.tapped is not None:
            self.bars.begin_at(self.clock.line(self.hands.tapped.anchor), self.scale(config))

    def _rest(self, now: float, shown: float, sounded: float, config: AudioConfig) -> bool:
        """Stop the count in a silence, go on after it; True while it lasts."""
        resting = now - sounded > REST_SECONDS
        if resting and not self._resting and self.hands.tapped is None:
            self.clock.stop(max(now, shown))
        if not resting and self._resting and self._lock.held is not None:
            self._begin = now
            self._lock.unsettle(now)
            if self.hands.tapped is None:
                self.steer(max(now, shown), config, SLEW_FIRST)
        self._resting = resting
        return resting

    def _pause(self, now: float) -> float:
        """Seconds until the next search."""
        if self._lock.held is None:
            return SEARCH_SECONDS_FIRST
        settled = self._lock.settled(now) and not self._outdated
        return SEARCH_SECONDS_SETTLED if settled else SEARCH_SECONDS

    def _weigh(self, found: Found | None, now: float, shown: float, config: AudioConfig) -> None:
        fresh = self._lock.hear(found, now)
        self._outdated = self._outdated + 1 if found is not None and found.outdated else 0
        if self._outdated == OUTDATED:
            # another song has begun, or another tempo: listen to it alone
            self._outdated = 0
            self._begin = max(self._begin, now - RECENT_SECONDS)
            self._lock.suspect(now)
        if self.hands.tapped is not None or self._resting:
            return
        at = max(now, shown)
        self.steer(at, config, SLEW_FIRST if fresh else SLEW, fresh)
        if fresh:
            self.bars.forget()
        held = self._lock.held
        about = found and (found.best if fresh else found.same)
        if found is not None and held is not None and found.bars is not None and about is held:
            where = self.clock.line(found.first_beat)
            self.bars.hear(found.bars, where, found.ternary, self.scale(config))

    def _beat(self) -> Beat | None:
        if self.hands.tapped is not None:
            return self.hands.tapped
        held = self._lock.held
        return Beat(held.tempo, held.anchor) if held else None
