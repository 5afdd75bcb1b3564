"""Everything the routes share."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psutil
from starlette.requests import HTTPConnection

from phosphene.server.companion import Companion
from phosphene.server.connection import Connection
from phosphene.server.demo import DemoSong
from phosphene.server.limits import Limits
from phosphene.server.performer import Performer
from phosphene.server.protocol import Gpu, Load, Stats
from phosphene.server.refusal import Refusal
from phosphene.server.session_registry import SessionRegistry
from phosphene.server.songs import SongDesk
from phosphene.server.tally import Tally
from phosphene.show.sinks.clocked import ClockedExit

Address = tuple[str, int]
GOODBYE_SECONDS = 0.3
LOAD_SECONDS = 0.9
"""seconds for which a sample is good"""


class Machine:
    """Samples the load when asked, at most about once a second."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        psutil.cpu_percent()
        self._sampled = 0.0
        self._load = Load(cpu_percent=0.0, memory_mb=0.0)

    def load(self) -> Load:
        """Processor load since the last sample, memory of this process and of its GPU."""
        now = time.monotonic()
        if now - self._sampled > LOAD_SECONDS:
            self._sampled = now
            self._load = Load(
                cpu_percent=psutil.cpu_percent(),
                memory_mb=round(self._process.memory_info().rss / 2**20, 1),
                gpu=_gpu(),
            )
        return self._load


def _gpu() -> Gpu | None:
    # only a model that uses torch has loaded it; the built-in one does without
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    free, total = torch.cuda.mem_get_info()
    name = str(torch.cuda.get_device_name())
    return Gpu(name=name, memory_mb=(total - free) / 2**20, total_mb=total / 2**20)


class ConnectionLimiter:
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


@dataclass(eq=False)
class AppState:
    """One server's stage, door, counters and helpers."""

    registry: SessionRegistry
    limits: Limits
    tally: Tally = field(default_factory=Tally)
    machine: Machine = field(default_factory=Machine)
    connections: set[Connection] = field(default_factory=set)
    exits: Sequence[ClockedExit] = ()
    companions: Sequence[Companion] = ()
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    empty: asyncio.Event = field(default_factory=asyncio.Event)
    """set when the last one has left while it closes"""
    abort: Callable[[Address], None] = lambda _: None
    """drops the TCP connection of a client that takes nothing; set by the server that listens"""

    def __post_init__(self) -> None:
        self.limiter = ConnectionLimiter(self.limits)
        keep_sound = any(way_out.sounds for way_out in self.exits)
        self.songs = SongDesk(self.limits, self.tally, keep_sound)
        self.demo = DemoSong()

    def stats(self, performer: Performer) -> Stats:
        """Figures of one performer's session and connection."""
        return Stats(
            session=performer.handle.session.stats(),
            load=self.machine.load(),
            sessions=len(self.registry.handles),
            sent=performer.sent,
            unacked=len(performer.window),
        )

    @contextmanager
    def admit(self, connection: Connection) -> Iterator[None]:
        """Know of a connection while the block runs."""
        self.connections.add(connection)
        try:
            yield
        finally:
            self.connections.discard(connection)
            if self.closing.is_set() and not self.connections:
                self.empty.set()

    async def open(self) -> None:
        """Start exits and companions, which follow whatever is performed."""
        for way_out in self.exits:
            if way_out.sounds:
                way_out.hear(self.registry)
            way_out.start()
            await self.registry.follow(way_out)
        for companion in self.companions:
            await companion.start(self.registry)

    async def dismiss_all(self) -> None:
        """Say goodbye to everybody; who does not listen is not waited for long."""
        self.closing.set()
        for connection in self.connections:
            connection.dismiss("stopped", "the server is stopping.")
        if self.connections:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.empty.wait(), GOODBYE_SECONDS)

    async def close(self) -> None:
        """End all sessions, exits and companions."""
        await asyncio.gather(*(companion.close() for companion in self.companions))
        await self.registry.close()
        await asyncio.gather(*(asyncio.to_thread(way_out.close) for way_out in self.exits))
        if self.registry.microphone is not None:
            self.registry.microphone.close()
        if self.registry.feed is not None:
            await asyncio.to_thread(self.registry.feed.close)


def address_of(connection: HTTPConnection) -> str:
    """Of the client, as text."""
    return connection.client.host if connection.client else "local"
