"""OSC beside the server: one port in, its list over HTTP, and any number of places that are told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from importlib.util import find_spec

from phosphene.errors import InputError, MissingExtraError
from phosphene.integrations.osc.announce import Announcement, is_open
from phosphene.integrations.osc.inlet import Inlet
from phosphene.integrations.osc.outlet import Outlet
from phosphene.integrations.osc.query import Query
from phosphene.server.companion import Hands, Listener
from phosphene.server.session_registry import SessionRegistry

log = logging.getLogger(__name__)
PORT = 9000
"""what controllers are set to out of the box"""
RATE = 30.0
"""times a second at which is told what is heard"""
VALUES_EVERY = 0.2
"""seconds between two looks at what has changed"""

Place = tuple[str, int]
"""host and port"""


class Osc:
    """A :class:`~phosphene.server.companion.Companion`.

    Args:
        listen: where controllers may send to; None: nowhere.
        tell: who is told.
        rate: how often, times a second.

    Raises MissingExtraError, InputError.
    """

    def __init__(
        self, listen: Place | None, tell: Sequence[Place] = (), rate: float = RATE
    ) -> None:
        if find_spec("pythonosc") is None:
            raise MissingExtraError("OSC", "stage")
        if not 1 <= rate <= 120:
            raise InputError(f"--osc-rate must be 1 to 120 times a second, not {rate:g}.")
        self._outlet = Outlet(tell)
        self._tells = bool(tell)
        self._every = 1.0 / rate
        self._listen = listen
        self._whole = False
        self._task: asyncio.Task[None] | None = None
        self._registry: SessionRegistry | None = None
        self._inlet: Inlet | None = None
        self._query: Query | None = None
        self._announcement: Announcement | None = None
        if listen is not None:
            # taken before the model is loaded, so that a port in use is known at once
            self._inlet = Inlet(*listen, answer=self._outlet.error, sync=self._sync)
            self._query = Query(self._inlet.host, self._inlet.port)
            if is_open(self._inlet.host):
                self._announcement = Announcement(self._inlet.host, self._inlet.port)
        # pictures must be drawn for what is told of them, not for what is taken in
        self._listener = Listener(hungry=self._tells)

    async def start(self, registry: SessionRegistry) -> None:
        """See :class:`Companion`."""
        self._registry, hands = registry, Hands(registry)
        if self._inlet is not None:
            self._inlet.start(hands)
            log.info("OSC: listening on %s port %d", self._inlet.host, self._inlet.port)
        if self._query is not None:
            await self._query.start(hands.values)
        if self._announcement is not None:
            self._announcement.start()
        await registry.follow(self._listener)
        if self._tells:
            self._task = asyncio.create_task(self._tell(hands))

    async def close(self) -> None:
        """See :class:`Companion`."""
        if self._task is not None:
            self._task.cancel()
        if self._announcement is not None:
            await self._announcement.close()
        if self._inlet is not None:
            await asyncio.to_thread(self._inlet.close)
        if self._query is not None:
            self._query.close()
        self._outlet.close()

    @property
    def port(self) -> int:
        """That controllers send to."""
        assert self._inlet is not None
        return self._inlet.port

    def _sync(self) -> None:
        self._whole = True

    async def _tell(self, hands: Hands) -> None:
        due, looked = time.monotonic(), 0.0
        while True:
            now = time.monotonic()
            if self._whole or now - looked > VALUES_EVERY:
                looked, whole, self._whole = now, self._whole, False
                self._outlet.values(hands.values(), whole)
            self._outlet.heard(self._listener, hands.rate)
            # a loop that was held up does not catch up
            due = max(due + self._every, now)
            await asyncio.sleep(due - time.monotonic())
