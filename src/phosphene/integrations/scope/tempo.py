"""Scope's tempo (Ableton Link, MIDI clock) as the music that pictures move to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from phosphene.integrations.scope.knobs import number
from phosphene.show.live.dream import Dream, breath
from phosphene.show.live.feature_frame import FeatureFrame
from phosphene.show.live.outer import hit
from phosphene.show.live.sound import Sound


@dataclass(frozen=True)
class Beat:
    """Where the host's clock is."""

    bpm: float
    beats: float
    """counted since it began"""


def read_beat(given: Mapping[str, object]) -> Beat | None:
    """The clock among what Scope sends; None while none runs."""
    bpm, count, phase = (number(given.get(name)) for name in ("bpm", "beat_count", "beat_phase"))
    if bpm is None or count is None or phase is None or not given.get("is_playing", True):
        return None
    return Beat(bpm, count + phase)


class Pulse:
    """What is heard: sound, the host's beats, both, or a dream's own slow ones."""

    def __init__(self, now: float, sound: Sound) -> None:
        self._sound = sound
        self._dream = Dream(now)
        # two marks, for the walk goes on otherwise when the clock begins or ends
        self._host = Dream(now)

    def hear(self, beat: Beat | None, now: float, strength: float) -> FeatureFrame:
        """The moment at monotonic ``now``; ``strength`` 0..1 is how hard the host's beats hit."""
        heard = self._sound.hear(now, 0.0)
        if heard is not None and beat is not None:
            # what the sound is like, on the beats that the host counts
            moment = replace(heard.moment, beat_position=beat.beats, beat_phase=beat.beats % 1.0)
            return replace(heard, moment=hit(moment, strength), tempo=beat.bpm, confidence=1.0)
        if heard is not None:
            return heard
        if beat is None:
            return self._dream.hear(now, 0.0)
        return FeatureFrame(hit(breath(beat.beats), strength), now, self._host, beat.bpm, 1.0)
