"""Beats that another program counts (Ableton Link, MIDI clock): before what is heard, after a hand."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from phosphene.audio.live_hands import Hands
from phosphene.audio.moment import FrameFeatures
from phosphene.config import AudioConfig
from phosphene.show.live.feature_frame import FeatureFrame
from phosphene.show.live.types import BeatAction
from phosphene.show.score import DIGITS, OuterSource, Tempo

DECAY = 6.0
"""a beat fades by e to this power before the next one"""
SILENT_HIT = 0.5
"""how hard beats hit while no sound is heard that would"""
BEAT_ORDER = ("hand", "link", "midi", "song", "live", "own")
"""who leads before whom; `own` is the slow beat of a show that hears nothing"""


@dataclass(frozen=True)
class OuterBeat:
    """What another program says of its beat."""

    source: OuterSource
    tempo: float
    """beats per minute; 0: it counts no more"""
    beats: float
    """counted at ``at``; a bar begins at every multiple of ``bar``"""
    at: float
    """monotonic seconds"""
    bar: int = 4
    """beats of a bar"""
    running: bool = True
    """False: its transport stands, and so does the count"""

    def beats_at(self, time: float) -> float:
        """Beats counted at monotonic ``time``."""
        return self.beats + (time - self.at) * self.tempo / 60.0 if self.running else self.beats

    def told(self, now: float) -> Tempo:
        """The same for a score, at monotonic ``now``."""
        return Tempo(
            source=self.source,
            tempo=self.tempo,
            beats=round(self.beats_at(now), DIGITS),
            bar=self.bar,
            running=self.running,
        )


class Outer:
    """Follows one such program. What it leads is music of its own: walks go on when it comes and goes."""

    def __init__(self, beat: OuterBeat) -> None:
        self.beat = beat
        self._hands = Hands()
        self._position: float | None = None

    @property
    def leads(self) -> bool:
        """Whether there is anything to follow."""
        return self.beat.tempo > 0

    def correct(self, action: BeatAction, at: float, seconds: float) -> None:
        """Double, half, nudge; taps make a hand the leader, and are for the ear."""
        if action == "nudge":
            self._hands.nudge(seconds)
        elif action == "release":
            self._hands.release()
        elif action != "tap":
            self._hands.multiply(2.0 if action == "double" else 0.5)

    def hear(self, now: float, ahead: float) -> FeatureFrame | None:
        """It makes no sound; see :meth:`lead`."""
        return None

    def lead(
        self, heard: FeatureFrame, now: float, ahead: float, config: AudioConfig, silent: bool
    ) -> FeatureFrame:
        """What is heard, on the beats that this program counts; ``silent``: they are all there is."""
        beat, scale = self.beat, self._hands.scale
        late = self._hands.shift + config.beat_offset_ms / 1e3
        position = scale * beat.beats_at(now + ahead - late)
        before = self._position
        if before is not None and before - 1.0 < position < before:
            # what is corrected by a little waits, and does not run backwards
            position = before
        self._position = position
        passed = before is not None and math.floor(position) > math.floor(before)
        bar = math.floor(position / beat.bar)
        moment = replace(
            heard.moment,
            beat_position=position,
            beat_phase=position % 1.0,
            is_beat=passed,
            bar=bar,
            bar_position=position - bar * beat.bar,
            beats_per_bar=beat.bar,
            downbeat=passed and before is not None and bar > math.floor(before / beat.bar),
        )
        if silent and beat.running:
            moment = hit(moment, SILENT_HIT)
        return replace(
            heard,
            moment=moment,
            origin=self,
            tempo=scale * beat.tempo if beat.running else 0.0,
            confidence=1.0 if beat.running else 0.0,
            beat_from=beat.source,
            own_tempo=heard.tempo,
            own_off=math.remainder(heard.moment.beat_position - position, 1.0),
        )


def hit(moment: FrameFeatures, strength: float) -> FrameFeatures:
    """A moment in which the beat is heard, 0..1 hard, and falls off after it."""
    pulse = strength * math.exp(-DECAY * moment.beat_phase)
    return replace(
        moment,
        onset=max(moment.onset, pulse),
        off_beat=moment.off_beat if moment.onset > pulse else 0.0,
        bass=moment.bass + pulse,
        energy=min(1.0, moment.energy + 0.5 * pulse),
    )
