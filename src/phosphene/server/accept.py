"""Taking connections in, no faster than they can be served and no more than there is room for."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable

import psutil

from phosphene.server.budget import Metered
from phosphene.server.gate import Gate, Gates, Inner
from phosphene.server.limits import Limits

log = logging.getLogger(__name__)

RESERVE = 64
"""open files kept for the show: songs, recordings, whoever hears a song"""
LEAST = 16
"""connections, however few files the system allows"""
GASP_SECONDS = 0.5
"""between two tries while the system has no descriptor to give"""
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def room(limits: Limits) -> int:
    """How many connections this process has descriptors for; asks the system for more if need be."""
    try:
        import resource
    except ImportError:
        # windows counts handles, of which there are enough
        return limits.connections
    taken = psutil.Process().num_fds() + RESERVE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = taken + limits.connections
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError) as error:
            log.warning("the system gives this process no more than %d files: %s", soft, error)
    if soft == resource.RLIM_INFINITY:
        return limits.connections
    found = max(LEAST, min(limits.connections, soft - taken))
    if found < limits.connections:
        log.warning("room for %d connections: the system allows %d open files", found, soft)
    return found


async def accept(listener: socket.socket, gates: Gates, inner: Callable[[Gate], Inner]) -> None:
    """Take connections in for ever; ``inner`` makes the protocol of each."""
    listener.setblocking(False)
    account = gates.budget.open("accept")

    async def one() -> None:
        connection, peer = await loop.sock_accept(listener)
        address = str(peer[0])
        if not gates.make_room(address):
            connection.close()
            log.warning("no place for another connection from %s", address)
            return
        await loop.connect_accepted_socket(lambda: Gate(gates, address, inner), connection)

    loop = asyncio.get_running_loop()
    while True:
        try:
            await Metered(one(), account.charge)
        except OSError as error:
            if error.errno not in EXHAUSTED:
                # it has gone again
                log.debug("not accepted: %s", error)
                continue
            log.warning("no connection can be taken in for a while: %s", error.strerror)
            await asyncio.sleep(GASP_SECONDS)
        except Exception as error:
            # whatever one connection brings, the next one is taken in
            log.error("a connection could not be taken in: %s: %s", type(error).__name__, error)
        await account.turn()
