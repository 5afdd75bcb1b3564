"""Ableton Link: tempo, beat and bar shared with everything on the network that speaks it."""

from __future__ import annotations

import asyncio
import logging
import math
import time
import warnings
from importlib.util import find_spec
from typing import Any, Literal

from phosphene.errors import MissingExtraError
from phosphene.integrations.beats import BeatTeller, sure_beat
from phosphene.server.companion import Hands, Listener
from phosphene.server.session_registry import SessionRegistry
from phosphene.show.live import OuterBeat

log = logging.getLogger(__name__)
EVERY = 0.02
"""seconds between two looks"""
QUANTUM = 4
"""beats of a bar, as nearly everything on Link has it"""
START_TEMPO = 120.0
SLOWEST, FASTEST = 20.0, 999.0
"""beats a minute that Link takes"""
DIGITS = 2
"""of a tempo: what is lost is told anew long before it is a millisecond"""
OFF_TEMPO = 0.02
"""beats a minute that are not worth telling others"""
OFF_BEATS = 0.02
Role = Literal["follow", "lead"]


class LinkCompanion:
    """A :class:`~phosphene.server.companion.Companion`: a peer that follows, or offers its own beat.

    Raises MissingExtraError.
    """

    def __init__(self, role: Role = "follow") -> None:
        if find_spec("aalink") is None:
            raise MissingExtraError("Ableton Link", "stage")
        self._role = role
        self._task: asyncio.Task[None] | None = None
        self._listener = Listener(hungry=role == "lead")
        self.link: Any = None

    async def start(self, registry: SessionRegistry) -> None:
        """See :class:`Companion`."""
        import aalink

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self.link = aalink.Link(START_TEMPO, asyncio.get_running_loop())
        self.link.quantum = QUANTUM
        self.link.start_stop_sync_enabled = True
        self.link.enabled = True
        if self._role == "lead":
            await registry.follow(self._listener)
        self._task = asyncio.create_task(self._run(Hands(registry)))
        log.info("Ableton Link: on the network, %ss", self._role)

    async def close(self) -> None:
        """See :class:`Companion`."""
        if self._task is not None:
            self._task.cancel()
        if self.link is not None:
            self.link.enabled = False
            self.link = None

    async def _run(self, hands: Hands) -> None:
        teller = BeatTeller(hands)
        peers, started = 0, False
        while True:
            link = self.link
            if link.num_peers != peers:
                peers = link.num_peers
                log.info("Ableton Link: %d %s", peers, "peer" if peers == 1 else "peers")
            if self._role == "lead":
                self._offer(link)
            elif peers:
                began = time.monotonic()
                # Link counts microseconds: 133 comes back as 132.99995
                beats, tempo = link.beat, round(link.tempo, DIGITS)
                at = 0.5 * (began + time.monotonic())
                # many never say start: theirs runs all the time
                started = started or link.playing
                running = link.playing or not started
                teller.tell(OuterBeat("link", tempo, beats, at, QUANTUM, running))
            else:
                # alone, its tempo is nobody's word
                started = False
                teller.gone("link")
            await asyncio.sleep(EVERY)

    def _offer(self, link: Any) -> None:
        """Give the others the beat of the show, where it has one that is sure."""
        now = time.monotonic()
        beat = sure_beat(self._listener, now)
        if beat is None or not SLOWEST <= beat.tempo <= FASTEST:
            return
        if abs(link.tempo - beat.tempo) > OFF_TEMPO:
            link.tempo = beat.tempo
        wanted = beat.beats_at(now)
        if abs(math.remainder(link.beat - wanted, QUANTUM)) > OFF_BEATS:
            link.force_beat(wanted)
