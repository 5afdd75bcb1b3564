"""How much of the event loop's time strangers may cost, however they spend it.

Frames, chunks, pings, requests and connections all end up as time on one thread, so that is what is counted:
processor time of the event loop, charged to whoever caused it. Who is in debt is read, and served, later;
nothing is thrown away, and the network holds the rest back.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Literal, TypeVar

T = TypeVar("T")
Kind = Literal["request", "watch", "perform", "accept"]

COARSE = 1e-4
"""seconds; Windows counts a thread's time in steps of 15 ms, where a wall clock says more"""
clock: Callable[[], float] = (
    time.thread_time
    if time.get_clock_info("thread_time").resolution < COARSE
    else time.perf_counter
)
"""seconds of this thread's processor time"""

LOOK_SECONDS = 0.2
"""after which somebody who waits may have gone"""
NETWORK_BITS = 64
"""of an IPv6 address: whoever has one has all that begin with them"""


class Pool:
    """What accounts of one kind may cost together, in shares of one core (0..1).

    ``share`` is divided between those who are in debt; an account gets ``least`` at any rate, and
    ``most`` however idle the others are. ``burst`` seconds of work are free after a rest, and ``start``
    seconds for a new one, who owes them: coming again must not pay.
    """

    def __init__(self, share: float, least: float, most: float, burst: float, start: float) -> None:
        self.share, self.least, self.most = share, least, most
        self.burst, self.start = burst, start
        self.indebted: set[Account] = set()

    @property
    def rate(self) -> float:
        """Share of a core for each account."""
        return min(self.most, max(self.least, self.share / max(1, len(self.indebted))))


class Account:
    """The work of one connection, or of an address. Belongs to the event loop's thread."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._level = pool.start
        self._then = time.monotonic()
        self._turn = asyncio.Lock()

    def charge(self, seconds: float) -> None:
        """So much was done for this one."""
        self._settle()
        self._level -= seconds
        if self._level < 0.0:
            self._pool.indebted.add(self)

    @property
    def wait(self) -> float:
        """Seconds until the debt is paid; 0 without one."""
        self._settle()
        return max(0.0, -self._level / self._pool.rate)

    async def turn(self, gone: Callable[[], bool] = lambda: False) -> None:
        """Wait until the debt is paid; those who wait are served in the order in which they came.

        Who has ``gone`` meanwhile keeps nobody waiting.
        """
        async with self._turn:
            while (wait := self.wait) > 0.0 and not gone():
                await asyncio.sleep(min(wait, LOOK_SECONDS))

    @property
    def rested(self) -> bool:
        """True when forgetting it makes no difference."""
        self._settle()
        return self._level >= self._pool.burst

    def close(self) -> float:
        """It leaves its share to the others; the answer is what it has not earned, in seconds of work."""
        self._settle()
        self._pool.indebted.discard(self)
        return max(0.0, self._pool.start - self._level)

    def _settle(self) -> None:
        now = time.monotonic()
        self._level = min(self._pool.burst, self._level + (now - self._then) * self._pool.rate)
        self._then = now
        if self._level >= 0.0:
            self._pool.indebted.discard(self)


class Budget:
    """All accounts of a server: one for each address that asks, one for each socket."""

    def __init__(self) -> None:
        # measured on two cores: a page with all it loads takes 30 ms, a watcher 0.4 % of a core, a
        # performer who sends pictures and sound 4 %; slow machines need several times that
        self._pools: dict[Kind, Pool] = {
            "accept": Pool(share=0.03, least=0.03, most=0.03, burst=0.05, start=0.05),
            "request": Pool(share=0.08, least=0.01, most=0.05, burst=0.5, start=0.5),
            "watch": Pool(share=0.08, least=0.01, most=0.03, burst=0.1, start=0.02),
            "perform": Pool(share=0.4, least=0.08, most=0.2, burst=0.5, start=0.1),
        }
        self._addresses: dict[str, Account] = {}

    def of_address(self, address: str) -> Account:
        """The account of all requests that come from ``address``."""
        network = network_of(address)
        if network not in self._addresses:
            self._addresses[network] = self.open("request")
        return self._addresses[network]

    def open(self, kind: Kind) -> Account:
        """A new account; to be closed."""
        return Account(self._pools[kind])

    def sweep(self) -> None:
        """Forget addresses that have cost nothing for a while."""
        for network in [name for name, account in self._addresses.items() if account.rested]:
            self._addresses.pop(network).close()


class Metered(Awaitable[T]):
    """Runs a coroutine and charges every step of it; what it waits for is free."""

    def __init__(self, work: Coroutine[Any, Any, T], charge: Callable[[float], None]) -> None:
        self._work = work
        self._charge = charge

    def __await__(self) -> Generator[Any, Any, T]:
        """Step by step."""
        steps = self._work.__await__()
        thrown: BaseException | None = None
        while True:
            began = clock()
            try:
                waited = steps.send(None) if thrown is None else steps.throw(thrown)
            except StopIteration as done:
                result: T = done.value
                return result
            finally:
                self._charge(clock() - began)
            thrown = None
            try:
                yield waited
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as error:
                thrown = error


def network_of(address: str) -> str:
    """Whom an address belongs to: itself, or the network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    if parsed.is_loopback:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, NETWORK_BITS), strict=False))
