"""Between the network and the protocols: who is read how fast, how long, and how many may be here."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol, cast

from starlette.requests import HTTPConnection

from phosphene.server.budget import Account, Budget, Kind, clock, network_of
from phosphene.server.limits import Limits

log = logging.getLogger(__name__)

STATE = "gate"
"""where a request's scope has its gate"""
SMALLEST, LARGEST = 4096, 65536
"""bytes taken from a connection at once: what is read is worked on in one go, and blocks all others"""
CHEAP, DEAR = 0.0002, 0.001
"""seconds of work for one reading, below which more is read at once, and above which less"""
MOST_UNREAD = 1_000_000
"""bytes of answers that a client has not taken yet, above which it is not read either"""
UNSEEN_SECONDS = 0.0005
"""of work for each connection that no clock here sees: the system's, and the loop's own"""
LEAVE_SECONDS = 3.0
"""for a client to take what was said last"""


class Inner(Protocol):
    """What is used of uvicorn's protocols."""

    def connection_made(self, transport: Any) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool | None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class Transport:
    """The transport as a protocol sees it: who reads next, and whether, is the gate's affair."""

    def __init__(self, gate: Gate, transport: asyncio.Transport) -> None:
        self._gate = gate
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def set_protocol(self, protocol: Inner) -> None:
        """Another protocol takes over, a websocket's."""
        self._gate.inner = protocol

    def pause_reading(self) -> None:
        """The protocol wants nothing now."""
        self._gate.wanted = False
        self._gate.settle()

    def resume_reading(self) -> None:
        """The protocol takes more."""
        self._gate.wanted = True
        self._gate.settle()


class Gate(asyncio.BufferedProtocol):
    """One connection: reads little by little, charges the work, waits where it is in debt.

    Buffered, because then the gate says how much is taken from the network at once.
    """

    def __init__(self, gates: Gates, address: str, inner: Callable[[Gate], Inner]) -> None:
        self._gates = gates
        self.address = address
        self.network = network_of(address)
        self.account: Account = gates.budget.of_address(address)
        self.inner = inner(self)
        self.wanted = True
        self.busy = False
        """a request is being answered, or this is a websocket: it may last"""
        self.since = time.monotonic()
        """the last time that it became, or ceased to be, busy"""
        self.gone = False
        """the other side has left"""
        self._own = False
        """the account is this connection's alone"""
        self._transport: asyncio.Transport | None = None
        self._size = SMALLEST
        self._buffer = bytearray(SMALLEST)
        self._paused = False
        self._resume: asyncio.TimerHandle | None = None
        self._stalled = 0.0
        """since when nothing is taken; 0 while all is"""
        self._left = 0.0
        """since when it is being closed"""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the protocol begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._gates.add(self)
        self.account.charge(UNSEEN_SECONDS)
        made = Transport(self, self._transport)
        self._do(lambda: self.inner.connection_made(made))
        # the transport begins to read after this, whatever it was told before
        asyncio.get_running_loop().call_soon(self.settle)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self.gone = True
        if self._resume is not None:
            self._resume.cancel()
        if self._own:
            # what it was lent and has not earned, and its debts
            self._gates.budget.of_address(self.address).charge(self.account.close())
        self._gates.discard(self)
        self._do(lambda: self.inner.connection_lost(exc))

    def get_buffer(self, sizehint: int) -> bytearray:
        """Room for what comes next."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hand it on; learn from what it cost how much to take next time."""
        data = bytes(memoryview(self._buffer)[:nbytes])
        cost = self._do(lambda: self.inner.data_received(data))
        if cost > DEAR:
            self._fit(self._size // 2)
        elif cost < CHEAP and nbytes == self._size:
            self._fit(self._size * 2)
        self.settle()

    def eof_received(self) -> bool | None:
        """The other side says no more."""
        return self.inner.eof_received()

    def pause_writing(self) -> None:
        """The client takes too little."""
        self._stalled = time.monotonic()
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """It has taken what waited."""
        self._stalled = 0.0
        self.inner.resume_writing()
        self.settle()

    def settle(self) -> None:
        """Read on, or not: as the protocol wants, the debt allows and the answers are taken."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        wait = self.account.wait
        full = transport.get_write_buffer_size() > MOST_UNREAD
        pause = not self.wanted or full or wait > 0.0
        if pause and not self._paused:
            transport.pause_reading()
        elif self._paused and not pause:
            transport.resume_reading()
        self._paused = pause
        if wait > 0.0 and self._resume is None:
            self._resume = asyncio.get_running_loop().call_later(wait, self._again)

    def charge(self, seconds: float) -> None:
        """Work that was done for this connection outside of its reading."""
        self.account.charge(seconds)

    def admit(self, kind: Kind) -> None:
        """It has shown what it is: its work is counted apart from that of others."""
        if not self._own:
            self._own, self.account = True, self._gates.budget.open(kind)

    def working(self, busy: bool) -> None:
        """A request begins, or is answered."""
        self.busy = busy
        self.since = time.monotonic()

    def expired(self, now: float, limits: Limits) -> bool:
        """Whether it has been held for nothing."""
        assert self._transport is not None
        if self._transport.is_closing():
            self._left = self._left or now
            return now - self._left > LEAVE_SECONDS
        if self._stalled and now - self._stalled > limits.stall_seconds:
            return True
        # who waits for its turn has not been given the time
        owing = self._resume is not None
        return not self.busy and not owing and now - self.since > limits.head_seconds

    def drop(self) -> None:
        """End it at once; closing would wait for what is buffered to be taken."""
        if self._transport is not None:
            self._transport.abort()

    def _again(self) -> None:
        self._resume = None
        self.settle()

    def _fit(self, size: int) -> None:
        size = min(LARGEST, max(SMALLEST, size))
        if size != self._size:
            self._size, self._buffer = size, bytearray(size)

    def _do(self, act: Callable[[], None]) -> float:
        """Charge the work; what the protocol did not foresee ends this connection, and no more."""
        began = clock()
        try:
            act()
        except Exception as error:
            log.warning("dropped %s: %s: %s", self.address, type(error).__name__, error)
            log.debug("because of", exc_info=error)
            self.drop()
        cost = clock() - began
        self.account.charge(cost)
        return cost


class Gates:
    """All connections of a server, from the moment they are accepted."""

    def __init__(self, limits: Limits, most: int) -> None:
        self.budget = Budget()
        self._limits = limits
        self._most = most
        self._open: set[Gate] = set()
        self._held: Counter[str] = Counter()
        """connections by network"""

    def __len__(self) -> int:
        return len(self._open)

    def make_room(self, address: str) -> bool:
        """Whether one more may come from ``address``; who holds a place for nothing gives it up."""
        network = network_of(address)
        if self._held[network] >= self._limits.connections_per_address:
            return self._evict(network)
        if len(self._open) >= self._most:
            # whoever holds most gives first
            return any(self._evict(name) for name, _ in self._held.most_common())
        return True

    def add(self, gate: Gate) -> None:
        """A connection begins."""
        self._open.add(gate)
        self._held[gate.network] += 1

    def discard(self, gate: Gate) -> None:
        """A connection has ended, or gives its place to another."""
        if gate in self._open:
            self._open.discard(gate)
            self._held[gate.network] -= 1
            if not self._held[gate.network]:
                del self._held[gate.network]

    def sweep(self) -> None:
        """Drop who keeps a connection for nothing; to be called once a second."""
        now = time.monotonic()
        for gate in [gate for gate in self._open if gate.expired(now, self._limits)]:
            gate.drop()
        self.budget.sweep()

    def _evict(self, network: str) -> bool:
        idle = [gate for gate in self._open if not gate.busy and gate.network == network]
        if not idle:
            return False
        oldest = min(idle, key=lambda gate: gate.since)
        self.discard(oldest)
        oldest.drop()
        return True


def gate_of(connection: HTTPConnection) -> Gate | None:
    """The gate that a request came through; None where another server serves this application."""
    gate: Gate | None = connection.scope.get("state", {}).get(STATE)
    return gate
