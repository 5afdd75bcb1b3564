"""What Link and MIDI clock have in common: beats told to the show, and the show's own beat for others."""

from __future__ import annotations

from phosphene.server.companion import Hands, Listener
from phosphene.server.session_handle import SessionHandle
from phosphene.show.live import OuterBeat
from phosphene.show.score import OuterSource

SAME_TEMPO = 0.003
"""beats a minute that make no difference in ten seconds"""
SAME_MS = 1.0
"""milliseconds by which a count may be off before it is told anew"""
SAY_AGAIN = 10.0
"""seconds after which it is told in any case"""
SURE = 0.5
"""confidence of a tempo that others may be given"""
STALE_SECONDS = 5.0
"""without a picture, after which a show has no beat: a busy machine is no reason to stop a clock"""


class BeatTeller:
    """Tells the show that is on what another program counts, where that does not follow from before."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._told: dict[str, tuple[SessionHandle, OuterBeat]] = {}

    def tell(self, beat: OuterBeat) -> None:
        """It counts so."""
        known = self._told.get(beat.source)
        if not self._hands.there:
            return
        handle = self._hands.handle
        if known is not None and known[0] is not handle:
            self.gone(beat.source)
            known = None
        if known is None or _differs(known[1], beat):
            self._told[beat.source] = handle, beat
            handle.session.follow(beat)

    def gone(self, source: OuterSource) -> None:
        """It counts no more."""
        known = self._told.pop(source, None)
        if known is not None and not known[0].over:
            known[0].session.follow(OuterBeat(source, 0.0, 0.0, known[1].at))


def _differs(old: OuterBeat, new: OuterBeat) -> bool:
    if (old.bar, old.running) != (new.bar, new.running) or new.at - old.at > SAY_AGAIN:
        return True
    off = abs(old.beats_at(new.at) - new.beats_at(new.at)) * 60e3
    return abs(old.tempo - new.tempo) > SAME_TEMPO or off > SAME_MS * max(1.0, new.tempo)


def sure_beat(listener: Listener, now: float) -> OuterBeat | None:
    """The show's beat as it is at monotonic ``now``, whoever leads; None where it has none that is sure."""
    shown = listener.shown
    if shown is None or now - listener.at > STALE_SECONDS or shown.tempo <= 0:
        return None
    if shown.confidence < SURE and shown.beat_from != "hand":
        return None
    moment = shown.moment
    return OuterBeat(
        "link", shown.tempo, moment.counted_beats, shown.heard_at, moment.beats_per_bar
    )
