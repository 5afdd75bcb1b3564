"""What was heard, as the page gets it."""

from __future__ import annotations

import math

from phosphene.server.protocol import Heard
from phosphene.show.live import Shown

DIGITS = 4
"""behind the point: more than any meter shows"""


def heard_message(shown: Shown, captured: float, beats: float = math.nan) -> Heard:
    """The moment a picture was made for; ``captured`` and the time at which its
    ``beats`` are counted in client milliseconds, NaN if unknown."""
    moment = shown.moment
    return Heard(
        t=None if math.isnan(captured) else captured,
        beat_t=None if math.isnan(beats) else beats,
        energy=_short(moment.energy),
        bass=_short(moment.bass),
        mid=_short(moment.mid),
        treble=_short(moment.treble),
        onset=_short(moment.onset),
        centroid=_short(moment.centroid),
        beat_position=_short(moment.beat_position),
        beat_phase=_short(moment.beat_phase),
        tempo=_short(shown.tempo),
        confidence=_short(shown.confidence),
        section=moment.section,
        chroma=[_short(value) for value in moment.chroma],
        bar_position=_short(moment.bar_position),
        beats_per_bar=moment.beats_per_bar,
        beat_from=shown.beat_from,
        own_tempo=_short(shown.own_tempo),
        own_off_ms=_short(shown.own_off_ms),
        punch=_short(shown.punch),
        routes=[_short(value) for value in shown.routes] or None,
    )


def _short(value: float) -> float:
    return round(float(value), DIGITS)
