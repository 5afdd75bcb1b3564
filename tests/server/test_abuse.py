"""Twenty clients that mean harm, and one that wants to see pictures."""

from __future__ import annotations

import json
import math
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest
from websockets.exceptions import ConnectionClosed

from phosphene.server.connection import STRIKES
from phosphene.server.limits import Limits
from tests.server.client import HEADER, Client, now
from tests.server.conftest import serving

GENEROUS = Limits(sessions=24, sockets=64, sockets_per_address=64, grace_seconds=0.2)
GARBAGE: list[str | bytes] = [
    *("", "{", "[]", "null", "\x00", '{"type":"dance"}', '{"type":"clock","t":NaN}'),
    *('{"type":"set","values":{"camera.zoom":1e999}}', '{"type":"set","values":3}'),
    *('{"type":"ack","sequence":-1}', "[" * 50_000, '{"type":"scene","x":"' + "y" * 70_000 + '"}'),
    *(b"", b"\x01", bytes(23), HEADER.pack(9, 1, 0, 0, 0, 0), HEADER.pack(1, 3, 0, 0, 0, 0)),
    *(HEADER.pack(1, 1, 0, 0, math.nan, 0) + b"x", HEADER.pack(1, 1, 1, 0, 0, 0) + b"x"),
    *(HEADER.pack(1, 1, 0, 0, 0, 0) + b"no picture", HEADER.pack(1, 2, 0, 0, 0, 0) + bytes(8)),
    *(HEADER.pack(1, 2, 0, 0, 0, math.inf) + bytes(8), HEADER.pack(1, 2, 0, 0, 0, 48000) + b"odd"),
    HEADER.pack(1, 2, 0, 0, 0, 48000) + struct.pack("<2f", math.nan, 1.0),
    HEADER.pack(1, 1, 0, 0, 0, 0) + bytes(2_100_000),
]


@pytest.fixture
def served(base, config):
    with serving(base, config, GENEROUS) as server:
        yield server


@pytest.mark.parametrize("message", GARBAGE, ids=lambda m: repr(m[:24]))
def test_each_is_answered_and_forgiven(served, message) -> None:
    with served.socket() as client:
        client.send_raw(message)
        error = client.until("error", "bye")
        assert error["type"] == "error"
        assert error["code"] in ("json", "message", "size", "header", "version", "picture", "sound")
        assert 10 < len(error["message"]) < 400
        client.pictures(2)


def test_too_many_end_it(served) -> None:
    with served.socket() as client:
        client.acknowledge = False
        for _ in range(int(STRIKES) + 20):
            client.send_raw("nonsense")
        bye, code = client.goodbye()
        assert (bye["type"], bye["code"], code) == ("bye", "protocol", 1008)


def test_a_huge_message_ends_it_before_it_is_read(served) -> None:
    with served.socket() as good, enjoyed(good), raw(served.port, "/ws?watch=latest") as link:
        link.settimeout(20)
        # five gigabytes are on their way
        link.sendall(bytes([0x82, 0xFF]) + struct.pack(">Q", 5_000_000_000) + bytes(4))
        received = b""
        while chunk := link.recv(65536):
            received += chunk
        assert struct.pack(">H", 1009) in received[-130:]


def test_of_a_flood_the_last_value_is_in_force(served) -> None:
    with served.socket() as client, served.socket() as good, enjoyed(good):
        client.acknowledge = False
        # the answers are read while the flood runs: who does not read is not read
        answers: list[dict] = []

        def read() -> None:
            while not answers or answers[-1]["id"] != 599:
                answers.append(client.until("config"))

        reader = threading.Thread(target=read)
        reader.start()
        for index in range(600):
            client.send(type="set", values={"camera.zoom": index / 200}, id=index)
            if index % 20 == 0:
                # 200 a second
                time.sleep(0.1)
        reader.join(30)
        assert [answer["id"] for answer in answers] == list(range(600))
        zoom = served.app_state.registry.find(client.session).session.config.camera.zoom
        assert zoom == pytest.approx(599 / 200)


def test_who_floods_and_never_reads_is_dropped(base, config) -> None:
    limits = Limits(stall_seconds=1.0, grace_seconds=0.1)
    with serving(base, config, limits) as served, served.socket() as good, enjoyed(good):
        link = raw(served.port, "/ws")
        link.settimeout(30)
        text = json.dumps({"type": "set", "values": {"camera.zoom": 1.0}, "id": "x" * 60})
        frames = masked(text.encode(), 1) * 50
        with pytest.raises(ConnectionError):
            while True:
                link.sendall(frames)
        link.close()
        until(lambda: len(served.app_state.connections) == 1)


def test_the_server_stays_up_and_its_memory_flat(served) -> None:
    """Rounds of twenty clients that open, stall, vanish and talk nonsense."""
    process = psutil.Process()
    with served.socket() as good:
        memory = []
        with enjoyed(good):
            for seed in range(4):
                chaos = [
                    threading.Thread(target=misbehave, args=(served, random.Random(20 * seed + n)))
                    for n in range(20)
                ]
                for thread in chaos:
                    thread.start()
                for thread in chaos:
                    thread.join()
                # everything they had has ended
                until(lambda: len(served.app_state.registry.handles) == 1)
                until(lambda: len(served.app_state.connections) == 1)
                memory.append(process.memory_info().rss / 2**20)
        good.send(type="clock", t=now())
        good.until("clock")
    # the first round fills pools and caches
    assert memory[-1] - memory[1] < 30, memory
    assert served.app_state.limiter._inside.total() <= 1


def misbehave(served, rng: random.Random) -> None:
    """One client that does something bad for about a second."""
    kind = rng.randrange(6)
    # being thrown out is what it deserves
    with suppress(ConnectionClosed, OSError, TimeoutError):
        if kind == 0:
            # half a handshake, then gone
            link = socket.create_connection(("127.0.0.1", served.port))
            link.sendall(b"GET /ws HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: webso")
            link.close()
        elif kind == 1:
            # vanishes without a word
            link = raw(served.port, rng.choice(["/ws", "/ws?watch=latest"]))
            link.recv(2000)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            link.close()
        elif kind == 2:
            # takes pictures and acknowledges none
            with served.socket() as client:
                client.acknowledge = False
                client.quiet(0.5)
        elif kind == 3:
            # unknown addresses and methods
            for path in ("/../../etc/passwd", "/ws/x", "/api/sessions/%00/songs", "/\xff"):
                link = socket.create_connection(("127.0.0.1", served.port), 5)
                method = rng.choice(["GET", "POST", "PUT", "BREW"])
                link.sendall(f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
                assert b"500" not in link.recv(400).split(b"\r\n")[0]
                link.close()
        elif kind == 4:
            with served.socket(rng.choice(["", "?resume=x", "?watch=latest", "?watch=%00"])) as c:
                c.acknowledge = False
                for message in rng.choices(GARBAGE[:-1], k=15):
                    c.send_raw(message)
                c.quiet(0.2)
        else:
            with served.socket() as client:
                client.acknowledge = False
                for index in range(100):
                    client.send(type="set", values={"camera.zoom": index % 4}, id=index)
                    client.send_packet(2, bytes(640), value=16000)
                client.quiet(0.1)


@contextmanager
def enjoyed(good: Client) -> Iterator[None]:
    """Somebody who looks at pictures all the while, and must not be disturbed."""
    done, failure = threading.Event(), []

    def look() -> None:
        try:
            while not done.is_set():
                good.pictures(1)
            good.pictures(3)
        except BaseException as error:
            failure.append(error)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield
    finally:
        done.set()
        looking.join(30)
    assert not failure, failure


def raw(port: int, path: str) -> socket.socket:
    """A websocket by hand, with little room for what it does not read."""
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.connect(("127.0.0.1", port))
    link.sendall(
        f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n".encode()
    )
    assert link.recv(12) == b"HTTP/1.1 101"
    return link


def masked(payload: bytes, opcode: int) -> bytes:
    """A client's frame of up to 125 bytes or 64 KB."""
    size = len(payload)
    head = bytes([0x80 | opcode])
    head += bytes([0x80 | size]) if size < 126 else struct.pack(">BH", 0xFE, size)
    # a mask of zeros changes nothing
    return head + bytes(4) + payload


def until(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.02)
