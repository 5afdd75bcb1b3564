"""The client's clock in terms of this machine's."""

from __future__ import annotations

SPAN = 15.0
"""seconds; the offset is the least of one to two spans, because quartz clocks drift by 50 ppm"""


class ClientClock:
    """Maps a client's ``performance.now()`` to ``time.monotonic()`` and back.

    The least difference between receiving and sending is the offset: the message that met the least
    delay tells most. What remains is the shortest way of the network, so ages read a little young.
    """

    def __init__(self) -> None:
        self._before: float | None = None
        self._least: float | None = None
        self._since = 0.0

    @property
    def known(self) -> bool:
        """True once any message has told the client's time."""
        return self._least is not None

    def heard(self, client_ms: float, received: float) -> None:
        """A message stamped ``client_ms`` arrived at monotonic time ``received``."""
        offset = received - client_ms / 1e3
        if self._least is None or received - self._since > SPAN:
            self._before, self._least, self._since = self._least, offset, received
        self._least = min(self._least, offset)

    def to_server(self, client_ms: float) -> float:
        """Monotonic seconds here of a moment on the client's clock."""
        return client_ms / 1e3 + self._offset

    def to_client(self, monotonic: float) -> float:
        """Milliseconds on the client's clock of a moment here."""
        return (monotonic - self._offset) * 1e3

    @property
    def _offset(self) -> float:
        assert self._least is not None, "ask only when known"
        return self._least if self._before is None else min(self._before, self._least)
