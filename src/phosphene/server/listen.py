"""The server that listens: one port, bound before the model is loaded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from phosphene.errors import InputError
from phosphene.server.accept import accept, room
from phosphene.server.app_state import Address, AppState
from phosphene.server.gate import STATE, Gate, Gates, Inner
from phosphene.server.http import Http, Keeper, Socket
from phosphene.server.limits import Limits
from phosphene.server.report import spare

PING_SECONDS = 5.0
PONG_SECONDS = 10.0
BACKLOG = 128
SWEEP_SECONDS = 1.0
TALKERS = ("accept", "gate", "http", "listen", "security", "socket")
"""modules that say a line for what a stranger does"""

log = logging.getLogger(__name__)
STRANGERS = ("asyncio", "uvicorn.error", *(f"phosphene.server.{name}" for name in TALKERS))


def unbound(host: str, port: int, kind: socket.SocketKind) -> tuple[socket.socket, Any]:
    """A socket for an address of this machine, and that address. Raises :class:`InputError`."""
    try:
        found = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise InputError(
            f"'{host}' is no address of this machine: use 127.0.0.1, or 0.0.0.0 for all."
        ) from error
    family, kind, protocol, _, address = found[0]
    return socket.socket(family, kind, protocol), address


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to ``host`` and ``port`` (0: any free one). Raises :class:`InputError`."""
    listener, address = unbound(host, port, socket.SOCK_STREAM)
    if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
        # on Windows, reuse would let another program take the port away
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        # a second server that is still loading its model would else be told too late
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"cannot listen on {host} port {port} ({reason}): choose another --port or --host."
        ) from error
    return listener


class Server(uvicorn.Server):
    """Uvicorn behind gates: it takes connections in itself, says when it is ready, and goodbye."""

    def __init__(self, app: ASGIApp, app_state: AppState, ready: Callable[[], None]) -> None:
        super().__init__(configure(Keeper(app), app_state.limits))
        self._app_state = app_state
        spare(*STRANGERS)
        self._tasks: list[asyncio.Task[None]] = []
        self._ready = ready
        app_state.abort = self.abort

    def abort(self, client: Address) -> None:
        """Drop the connection of ``client``: closing would wait for it to take what is buffered."""
        for connection in [*self.server_state.connections]:
            if getattr(connection, "client", None) == client and connection.transport is not None:
                connection.transport.abort()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        asyncio.get_running_loop().set_exception_handler(_complain)
        # uvicorn would accept as many at once as wait, and log every one that it cannot
        await super().startup([])
        if self.started:
            gates = Gates(self._app_state.limits, room(self._app_state.limits))
            work: list[Coroutine[Any, Any, None]] = [_sweep(gates)]
            work += [accept(listener, gates, self._protocol) for listener in sockets or []]
            self._tasks = [asyncio.create_task(job) for job in work]
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say goodbye, then drop who does not leave."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._app_state.dismiss_all()
        for connection in [*self.server_state.connections]:
            if connection.transport is not None:
                connection.transport.abort()
        await super().shutdown(sockets)

    def _protocol(self, gate: Gate) -> Inner:
        state = {**self.lifespan.state, STATE: gate}
        return Http(self.config, self.server_state, state)


async def _sweep(gates: Gates) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        gates.sweep()


def _complain(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    log.error("%s: %s: %s", context["message"], type(error).__name__, error)
    log.debug("because of", exc_info=error)


def configure(app: ASGIApp, limits: Limits) -> uvicorn.Config:
    """Uvicorn's settings: no compression of JPEGs, short pings, nothing unbounded."""
    return uvicorn.Config(
        app,
        # what the gates do to transports is tried with this loop alone
        loop="asyncio",
        http=Http,
        ws=Socket,
        ws_max_size=limits.socket_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PONG_SECONDS,
        timeout_graceful_shutdown=1,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )


def run(server: Server, listener: socket.socket) -> None:
    """Serve until Ctrl-C, which is the way to end it and no error."""
    with contextlib.suppress(KeyboardInterrupt):
        server.run([listener])
