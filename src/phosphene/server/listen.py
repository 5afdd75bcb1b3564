"""The server that listens: one port, bound before the model is loaded."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from phosphene.errors import InputError
from phosphene.server.limits import Limits
from phosphene.server.theatre import Address, Theatre

PING_SECONDS = 5.0
PONG_SECONDS = 10.0
CONNECTIONS = 256
BACKLOG = 128


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to ``host`` and ``port`` (0: any free one). Raises :class:`InputError`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise InputError(
            f"'{host}' is no address of this machine: use 127.0.0.1, or 0.0.0.0 for all."
        ) from error
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
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
    """Uvicorn that says when it is ready, and goodbye."""

    def __init__(self, app: ASGIApp, theatre: Theatre, ready: Callable[[], None]) -> None:
        super().__init__(configure(app, theatre.limits))
        self._theatre = theatre
        self._ready = ready
        theatre.abort = self.abort

    def abort(self, client: Address) -> None:
        """Drop the connection of ``client``: closing would wait for it to take what is buffered."""
        for connection in [*self.server_state.connections]:
            if getattr(connection, "client", None) == client and connection.transport is not None:
                connection.transport.abort()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say goodbye, then drop who does not leave."""
        await self._theatre.dismiss_all()
        for connection in [*self.server_state.connections]:
            if connection.transport is not None:
                connection.transport.abort()
        await super().shutdown(sockets)


def configure(app: ASGIApp, limits: Limits) -> uvicorn.Config:
    """Uvicorn's settings: no compression of JPEGs, short pings, nothing unbounded."""
    return uvicorn.Config(
        app,
        http="h11",
        ws="websockets-sansio",
        ws_max_size=limits.socket_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PONG_SECONDS,
        limit_concurrency=CONNECTIONS,
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
