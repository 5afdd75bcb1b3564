"""Anything at all, over the socket and HTTP: an answer, a goodbye or silence, and never a traceback."""

from __future__ import annotations

import json
import logging
import random
import socket
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from phosphene.config import PipelineConfig
from phosphene.server.limits import Limits
from phosphene.server.protocol import parse
from phosphene.server.refusal import Refusal
from phosphene.server.wire import HEADER, unpack
from phosphene.show.looks import flatten
from tests.fuzz.mutate import mutated
from tests.fuzz.test_files import COUNT, GROWTH, HANG_SECONDS, SEED
from tests.server.client import Client
from tests.server.conftest import Served, base, config, serving  # noqa: F401
from tests.server.test_abuse import masked, raw

LIMITS = Limits(sessions=8, grace_seconds=0.05, head_seconds=2.0, messages_per_second=1e6)
PATIENT = settings(
    max_examples=COUNT,
    deadline=HANG_SECONDS * 1000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FEW = max(12, COUNT // 4)
"""of what takes a connection each"""

numbers = st.one_of(
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.sampled_from([0, -1, 2**31, 2**32, 2**53, 2**63, 2**64, 1e308, 1e-320, 5e-324]),
)
leaves = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=40))
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
PATHS = tuple(flatten(PipelineConfig()))
FIELDS = (
    *("type", "t", "position", "playing", "rate", "lead", "values", "id", "hear", "see", "song"),
    *("action", "ms", "name", "sequence", "age"),
)
TYPES = ("clock", "set", "source", "beat", "scene", "preset", "ack")
settings_messages = st.builds(
    lambda given: {"type": "set", "values": given},
    st.dictionaries(st.sampled_from(PATHS), values, min_size=1, max_size=3),
)
near = st.builds(
    lambda kind, fields: {**fields, "type": kind},
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=5),
)
texts = st.one_of(
    st.one_of(settings_messages, near, values).map(json.dumps),
    st.text(max_size=200),
    st.integers(1, 20_000).map(lambda depth: "[" * depth),
    st.integers(1, 20_000).map(lambda depth: '{"type":' * depth),
    st.sampled_from(['"\\ud800"', '{"type":"preset","name":"\\udfff"}', '{"type":"scene"}\x00']),
    st.integers(1, 5000).map(lambda size: '{"type":"clock","t":' + "9" * size + "}"),
)
headers = st.builds(
    HEADER.pack,
    *(st.integers(0, 255), st.integers(0, 5), st.integers(0, 65535), st.integers(0, 2**32 - 1)),
    *(st.floats(), st.floats()),
)
packets = st.one_of(
    st.binary(max_size=100), st.builds(lambda head, body: head + body, headers, st.binary())
)


@pytest.fixture(scope="module")
def served(base) -> Iterator[Served]:  # noqa: F811
    with serving(base, PipelineConfig(inference=base.inference_config), LIMITS) as server:
        yield server


@pytest.fixture(autouse=True)
def quiet(caplog) -> Iterator[None]:
    """Whatever strangers do, nothing is logged as an error, and nothing with a traceback."""
    caplog.set_level(logging.INFO)
    memory = psutil.Process().memory_info().rss
    yield
    loud = [one for one in caplog.records if one.exc_info or one.levelno >= logging.ERROR]
    assert not loud, [one.getMessage() for one in loud[:3]]
    assert psutil.Process().memory_info().rss - memory < GROWTH


@given(texts)
@PATIENT
def test_text_is_a_message_or_refused(text) -> None:
    with suppress(Refusal):
        parse(text)


@given(packets)
@PATIENT
def test_bytes_are_a_packet_or_refused(data) -> None:
    with suppress(Refusal):
        unpack(data)


class Caller:
    """Sends one message after another; comes again when it was thrown out."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._client: Client | None = None
        self._count = 0

    def send(self, message: str | bytes) -> None:
        """Send it; now and then wait until all of it was heard."""
        try:
            if self._client is None:
                self._client = self._served.socket()
                self._client.acknowledge = False
            self._client.send_raw(message)
            self._count += 1
            if self._count % 8 == 0:
                self._client.send(type="clock", t=5.0)
                self._client.until("clock", "bye")
        except (ConnectionClosed, OSError):
            self.close()

    def close(self) -> None:
        """Leave."""
        if self._client is not None:
            with suppress(Exception):
                self._client.__exit__(None, None, None)
        self._client = None


def test_a_session_outlives_any_message(served) -> None:
    caller = Caller(served)

    @given(st.one_of(texts.filter(lambda text: _encodes(text)), packets))
    @PATIENT
    def send(message: str | bytes) -> None:
        caller.send(message)

    send()
    caller.close()
    # and it still draws
    with served.socket() as client:
        client.pictures(2)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


REQUESTS = (
    b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"GET /api/state?x=%ff HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost\r\n\r\n",
    b"HEAD /metrics HTTP/1.0\r\nhost: localhost\r\ncookie: phosphene_1=x; b=\r\n\r\n",
    b"POST /api/sessions/x/songs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nhello",
    b"POST /api/knock HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    b"GET /ws?watch=latest&resume=x HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade"
    b"\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n",
    b"GET /api/sessions/%00/config.toml HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer \xff\r\n\r\n",
)


def test_any_request_is_answered_or_dropped(served) -> None:
    answered = 0
    for number in range(FEW):
        data = mutated(REQUESTS, random.Random(f"{SEED} http {number}"))
        link = socket.create_connection(("127.0.0.1", served.port), HANG_SECONDS)
        # half a request is not answered
        link.settimeout(0.1)
        with link, suppress(OSError):
            link.sendall(data)
            answer = link.recv(4000)
            answered += b"HTTP/1.1 " in answer
            assert b" 500 " not in answer.split(b"\r\n")[0], data
    assert answered > FEW // 4
    with served.socket("?watch=latest") as client:
        client.until("hello")


FRAMES = (
    masked(b'{"type":"clock","t":1}', 1),
    masked(HEADER.pack(1, 1, 0, 0, 0.0, 0.0) + b"\xff\xd8", 2),
    bytes([0x01, 0x82]) + bytes(4) + b"{}" + bytes([0x80, 0x81]) + bytes(4) + b" ",
    masked(b"ping", 9) + masked(b"", 10) + masked(b"\x03\xe8", 8),
)


def test_any_frames_close_the_socket_at_worst(served) -> None:
    for number in range(FEW):
        data = mutated(FRAMES, random.Random(f"{SEED} frames {number}"))
        with raw(served.port, "/ws?watch=latest") as link, suppress(OSError):
            link.settimeout(HANG_SECONDS)
            link.sendall(data)
            link.recv(4000)
    with served.socket("?watch=latest") as client:
        client.until("hello")
