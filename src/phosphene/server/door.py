"""How many may come in, in all and from one address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from phosphene.server.limits import Limits
from phosphene.server.refusal import Refusal


class Door:
    """Counts long-lived connections: websockets and MJPEG streams."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._inside: Counter[str] = Counter()

    @contextmanager
    def enter(self, address: str) -> Iterator[None]:
        """Be inside for as long as the block lasts. Raises :class:`Refusal` when it is full."""
        if self._inside.total() >= self._limits.sockets:
            raise Refusal("full", "too many connections: try again later.", 503)
        if self._inside[address] >= self._limits.sockets_per_address:
            raise Refusal("full", "too many connections from your address: close some.", 503)
        self._inside[address] += 1
        try:
            yield
        finally:
            self._inside[address] -= 1
            # addresses that left are not remembered
            self._inside += Counter()
