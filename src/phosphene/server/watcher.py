"""A client that only watches."""

from __future__ import annotations

from collections.abc import Callable

from starlette.websockets import WebSocket

from phosphene.server.connection import Connection
from phosphene.server.limits import Limits
from phosphene.server.protocol import Ack, ClientMessage, Clock
from phosphene.server.refusal import Refusal
from phosphene.server.tally import Tally
from phosphene.server.wire import Packet


class Watcher(Connection):
    """Gets pictures and what was heard; may tell the time."""

    def __init__(
        self,
        socket: WebSocket,
        limits: Limits,
        tally: Tally,
        abort: Callable[[], None],
        refreshed: Callable[[Watcher], None],
    ) -> None:
        super().__init__(socket, limits, tally, abort)
        self._refreshed = refreshed

    def refresh(self) -> None:
        """Let the session pause or go on."""
        self._refreshed(self)

    def ended(self) -> None:
        """The session that was watched is over."""
        self.dismiss("ended", "the session has ended.")

    def tick(self) -> None:
        """Figures are for performers."""

    async def message(self, message: ClientMessage) -> None:
        """Clocks and acknowledgements are dealt with already; there is nothing else to say."""
        if not isinstance(message, Ack | Clock):
            raise Refusal("role", f"a watcher cannot '{message.type}': connect to /ws to perform.")

    def packet(self, packet: Packet) -> None:
        """Watchers send nothing."""
        raise Refusal("role", "a watcher cannot send pictures or sound: connect to /ws to perform.")
