"""A client for tests: plain, synchronous, acknowledges what it is told to."""

from __future__ import annotations

import json
import struct
import time
from dataclasses import dataclass
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

HEADER = struct.Struct("<BBHIdd")
WAY = struct.Struct("<7f")
PATIENCE = 60.0
"""seconds to wait for anything; a loaded machine is slow"""


@dataclass(frozen=True)
class Picture:
    """A picture as it came."""

    sequence: int
    captured: float
    value: float
    jpeg: bytes


def now() -> float:
    """The client's clock, milliseconds: another zero than the server's."""
    return time.monotonic() * 1e3 + 5e6


class Client:
    """One websocket."""

    def __init__(self, url: str, **options: Any) -> None:
        self._context = connect(url, max_size=None, compression=None, close_timeout=1, **options)
        self._socket = self._context.__enter__()
        self.session = ""
        self.acknowledge = True
        self.keys = "keys=" in url
        self.ways: list[tuple[int, tuple[float, ...]]] = []
        """(flags, way) of every key that came"""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.__exit__(None, None, None)

    def send(self, **message: Any) -> None:
        self._socket.send(json.dumps(message))

    def send_raw(self, data: str | bytes) -> None:
        self._socket.send(data)

    def send_packet(self, kind: int, payload: bytes, captured: float | None = None, value=0.0):
        header = HEADER.pack(1, kind, 0, 0, now() if captured is None else captured, value)
        self._socket.send(header + payload)

    def receive(self, patience: float = PATIENCE) -> dict[str, Any] | Picture:
        """The next message. Raises TimeoutError, ConnectionClosed."""
        data = self._socket.recv(patience)
        if isinstance(data, str):
            message: dict[str, Any] = json.loads(data)
            if message["type"] == "hello":
                self.session = message["session"]
            return message
        version, kind, reserved, sequence, captured, value = HEADER.unpack_from(data)
        start = HEADER.size
        if self.keys:
            assert (version, kind) == (1, 4) and reserved in (0, 1)
            self.ways.append((reserved, WAY.unpack_from(data, start)))
            start += WAY.size
        else:
            assert (version, kind, reserved) == (1, 3, 0)
        if self.acknowledge:
            self.send(type="ack", sequence=sequence)
        return Picture(sequence, captured, value, data[start:])

    def until(self, *types: str, **fields: Any) -> dict[str, Any]:
        """The next JSON message of one of ``types`` in which ``fields`` are as given."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            message = self.receive()
            if not isinstance(message, dict) or message["type"] not in types:
                continue
            if all(message.get(name) == value for name, value in fields.items()):
                return message
        raise AssertionError(f"no {types} with {fields} came")

    def pictures(self, count: int) -> list[Picture]:
        """The next pictures."""
        found: list[Picture] = []
        end = time.monotonic() + PATIENCE
        while len(found) < count:
            assert time.monotonic() < end, f"{len(found)} of {count} pictures came"
            message = self.receive()
            if isinstance(message, Picture):
                found.append(message)
        return found

    def quiet(self, patience: float) -> list[dict[str, Any] | Picture]:
        """All messages until none has come for ``patience`` seconds, statistics aside."""
        found: list[dict[str, Any] | Picture] = []
        end = time.monotonic() + patience
        while time.monotonic() < end:
            try:
                message = self.receive(max(0.01, end - time.monotonic()))
            except TimeoutError:
                break
            if isinstance(message, dict) and message["type"] == "stats":
                continue
            found.append(message)
            end = time.monotonic() + patience
        return found

    def goodbye(self) -> tuple[dict[str, Any], int]:
        """The last JSON message and the close code."""
        last: dict[str, Any] = {}
        # the other side may be gone while its last words are still to be read
        self.acknowledge = False
        try:
            while True:
                message = self.receive()
                if isinstance(message, dict):
                    last = message
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return last, closed.rcvd.code
