"""OSCQuery: every address with type, range, value and meaning, as JSON over HTTP."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import JsonValue

import phosphene
from phosphene.integrations.osc.addresses import (
    QUANTISED,
    ROOT,
    WHENS,
    Address,
    addresses,
    arguments,
)
from phosphene.server.listen import bind

PATIENCE = 5.0
"""seconds in which a request must be here, and an answer taken"""
MOST_AT_ONCE = 16
MOST_BYTES = 8_192
"""of a request"""
ATTRIBUTES = frozenset(
    ("FULL_PATH", "TYPE", "ACCESS", "RANGE", "VALUE", "DESCRIPTION", "CONTENTS", "CLIPMODE")
)


class Query:
    """A small HTTP server on the number of the OSC port; it tells and takes nothing."""

    def __init__(self, host: str, port: int) -> None:
        """Raises :class:`InputError` for a port that is taken."""
        self._port = port
        self._socket = bind(host, port)
        self._values: Callable[[], Mapping[str, JsonValue]]
        self._inside = 0
        self._server: asyncio.Server | None = None

    async def start(self, values: Callable[[], Mapping[str, JsonValue]]) -> None:
        """Answer from now on; ``values`` are those in force."""
        self._values = values
        self._server = await asyncio.start_server(self._client, sock=self._socket, limit=MOST_BYTES)

    def close(self) -> None:
        """Stop."""
        if self._server is not None:
            self._server.close()
        self._socket.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._inside += 1
        try:
            if self._inside <= MOST_AT_ONCE:
                async with asyncio.timeout(PATIENCE):
                    head = await reader.readuntil(b"\r\n\r\n")
                    status, body = self._answer(head.decode("latin-1"))
                    writer.write(_response(status, body))
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._inside -= 1
            writer.close()
            with suppress(OSError, TimeoutError):
                await writer.wait_closed()

    def _answer(self, head: str) -> tuple[HTTPStatus, JsonValue]:
        request, *headers = head.split("\r\n")
        method, _, rest = request.partition(" ")
        target = rest.partition(" ")[0]
        if method != "GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, None
        fields = dict(line.lower().split(":", 1) for line in headers if ":" in line)
        # a page of another site must not read this through a name of its own
        if not is_ours(fields.get("host", "").strip()):
            return HTTPStatus.FORBIDDEN, None
        parts = urlsplit(target)
        path, query = unquote(parts.path), parts.query.partition("&")[0]
        if query == "HOST_INFO":
            return HTTPStatus.OK, self._info()
        found = node(path, self._values())
        if found is None:
            return HTTPStatus.NOT_FOUND, None
        if not query:
            return HTTPStatus.OK, found
        if query not in ATTRIBUTES:
            return HTTPStatus.BAD_REQUEST, None
        if query not in found:
            return HTTPStatus.NO_CONTENT, None
        return HTTPStatus.OK, {query: found[query]}

    def _info(self) -> dict[str, JsonValue]:
        told = dict.fromkeys(sorted(ATTRIBUTES - {"FULL_PATH", "CONTENTS"}), True)
        return {
            "NAME": f"phosphene {phosphene.__version__}",
            "OSC_PORT": self._port,
            "OSC_TRANSPORT": "UDP",
            "EXTENSIONS": {**told, "LISTEN": False},
        }


def is_ours(host: str) -> bool:
    """Whether a Host header names this machine itself: a number, localhost, its own name."""
    name = host.rpartition(":")[0] if host.count(":") == 1 else host
    name = name.partition("]")[0].lstrip("[")
    with suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    own = socket.gethostname().lower()
    return name in {"localhost", own, f"{own.partition('.')[0]}.local"}


def node(path: str, values: Mapping[str, JsonValue]) -> dict[str, Any] | None:
    """A place of the tree and all that lies below it; None where there is none."""
    found = _tree(values)
    for name in filter(None, path.split("/")):
        found = found.get("CONTENTS", {}).get(name)
        if found is None:
            return None
    return found


def _tree(values: Mapping[str, JsonValue]) -> dict[str, Any]:
    root: dict[str, Any] = {"FULL_PATH": "/", "ACCESS": 0}
    for path, address in _listed():
        here = root
        parts = path.split("/")[1:]
        for depth, name in enumerate(parts, 1):
            below = here.setdefault("CONTENTS", {})
            here = below.setdefault(name, {"FULL_PATH": "/" + "/".join(parts[:depth]), "ACCESS": 0})
        here.update(_leaf(path, address, values))
    return root


@cache
def _listed() -> tuple[tuple[str, Address], ...]:
    """Every full address, those that wait too."""
    plain = [(address.full, address) for address in addresses().values()]
    waiting = [
        (f"{ROOT}/{QUANTISED}/{when}/{address.name}", address)
        for when in WHENS
        for address in addresses().values()
        if address.may_wait
    ]
    return (*plain, *waiting)


def _leaf(path: str, address: Address, values: Mapping[str, JsonValue]) -> dict[str, Any]:
    waits = path != address.full
    found: dict[str, Any] = {
        "FULL_PATH": path,
        "TYPE": address.types or "T",
        "ACCESS": 2 if waits else address.access,
        "DESCRIPTION": address.about,
        "CLIPMODE": ["none"] * max(1, len(address.types)),
    }
    limits: dict[str, JsonValue] = {}
    if address.low is not None:
        limits["MIN"] = address.low
    if address.high is not None:
        limits["MAX"] = address.high
    if address.choices:
        limits["VALS"] = list(address.choices)
    if limits:
        found["RANGE"] = [limits] * max(1, len(address.types))
    if address.path in values and not waits:
        value = values[address.path]
        told = (
            [value] if isinstance(value, bool) else [each for _, each in arguments(address, value)]
        )
        found["VALUE"] = told
        if isinstance(value, bool):
            found["TYPE"] = "T" if value else "F"
    return found


def _response(status: HTTPStatus, body: JsonValue) -> bytes:
    data = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + data
