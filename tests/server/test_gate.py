"""Connections that are held for nothing, that cost too much, and more of them than there is room for."""

from __future__ import annotations

import asyncio
import http.client
import logging
import os
import resource
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks.attack import KINDS, Good
from benchmarks.attack import served as served_alone
from phosphene.server import accept
from phosphene.server.budget import Account, Budget, Metered, Pool, network_of
from phosphene.server.limits import Limits
from phosphene.server.report import Sparing
from tests.server.conftest import Served, serving
from tests.server.test_abuse import masked, raw, until

ATTACK = Path(__file__).parents[2] / "benchmarks" / "attack.py"
HURRIED = Limits(
    sessions=8, connections=24, connections_per_address=16, head_seconds=0.5, stall_seconds=1.0
)


@pytest.fixture
def hurried(base, config) -> Iterator[Served]:
    with serving(base, config, HURRIED) as served:
        yield served


def connect(served: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), 10)


def closed(link: socket.socket) -> bool:
    """Waits until the other side has ended it; False after 10 s."""
    link.settimeout(10)
    try:
        while link.recv(1 << 16):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def health(served: Served) -> int:
    link = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    link.request("GET", "/api/health")
    status = link.getresponse().status
    link.close()
    return status


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: localhost\r\nx: "])
def test_who_never_asks_is_dropped(hurried, said) -> None:
    with connect(hurried) as link:
        link.sendall(said)
        assert closed(link)


def test_a_header_a_byte_at_a_time_is_dropped(hurried) -> None:
    with connect(hurried) as link:
        end = time.monotonic() + 10
        with pytest.raises(OSError):
            link.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ")
            while time.monotonic() < end:
                link.sendall(b"y")
                time.sleep(0.05)
        assert time.monotonic() < end


def test_who_asks_again_in_time_is_kept(hurried) -> None:
    link = http.client.HTTPConnection("127.0.0.1", hurried.port, timeout=60)
    for _ in range(8):
        # longer together than one may wait
        time.sleep(0.2)
        link.request("GET", "/api/health")
        answer = link.getresponse()
        assert answer.status == 200
        answer.read()
    link.close()


def test_idle_connections_keep_nobody_out(hurried) -> None:
    held = [connect(hurried) for _ in range(200)]
    try:
        for _ in range(5):
            assert health(hurried) == 200
        with hurried.socket() as client:
            client.pictures(2)
            held += [connect(hurried) for _ in range(50)]
            # who performs is not idle
            client.pictures(3)
    finally:
        for link in held:
            link.close()


def test_who_takes_no_answer_is_dropped(hurried) -> None:
    with connect(hurried) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ask = b"GET /api/schema HTTP/1.1\r\nhost: localhost\r\n\r\n" * 100
        end = time.monotonic() + 20
        with pytest.raises(OSError):
            while time.monotonic() < end:
                link.sendall(ask)
        assert time.monotonic() < end


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (bytes([0x01, 0x80]) + bytes(4) + (bytes([0x00, 0x80]) + bytes(4)) * 1030, 1008),
        (masked(b"\xff\xfe", 1), 1007),
        (bytes([0x01, 0x81]) + bytes(4) + b"\xc3" + masked(b"\x28", 0), 1007),
        # a surrogate, and a character in more bytes than it takes
        (masked(b"\xed\xa0\x80", 1), 1007),
        (masked(b"\xc0\xaf", 1), 1007),
    ],
)
def test_what_is_no_message_closes_the_socket_in_one_line(served, caplog, frames, code) -> None:
    caplog.set_level(logging.INFO)
    with raw(served.port, "/ws?watch=latest") as link:
        link.settimeout(20)
        link.sendall(frames)
        received = b""
        while chunk := link.recv(65536):
            received += chunk
    assert struct.pack(">H", code) in received[-130:]
    assert not [one for one in caplog.records if one.exc_info or one.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    "kind", ["chunks", "pipeline", "leave", "vanish", "pings", "fragments", "messages", "idle"]
)
def test_a_show_goes_on_under_attack(base, config, caplog, kind) -> None:
    """That it goes on, and that its log can be read; how well, benchmarks/attack.py measures."""
    caplog.set_level(logging.INFO)
    with serving(base, config, Limits(grace_seconds=0.1)) as served:
        good = Good(served.port, "")
        watching = threading.Thread(target=good.run)
        watching.start()
        until(lambda: len(good.times) > 3)
        command = [
            sys.executable,
            str(ATTACK),
            kind,
            "--port",
            str(served.port),
            "--attackers",
            "2",
        ]
        memory = psutil.Process().memory_info().rss
        with subprocess.Popen(command, stdout=subprocess.PIPE) as attackers:
            assert attackers.stdout is not None
            attackers.stdout.readline()
            # before there were budgets one came in a second, or none
            before = len(good.times)
            until(lambda: len(good.times) > before + 45)
            attackers.kill()
        memory = psutil.Process().memory_info().rss - memory
        good.stop.set()
        watching.join()
    assert not good.failure
    assert memory < 50 * 2**20
    assert len(caplog.records) < 100
    assert not [one for one in caplog.records if one.exc_info or one.levelno >= logging.ERROR]


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of this kind")
def test_few_descriptors(tmp_path) -> None:
    """A performer keeps the picture while hundreds connect to a server that may open 160 files."""
    log = tmp_path / "log"
    with served_alone(log, "--size", "64x64", descriptors=160) as served:
        good = Good(served.port, "")
        watching = threading.Thread(target=good.run)
        watching.start()
        until(lambda: len(good.times) > 3)
        held = [socket.create_connection(("127.0.0.1", served.port), 10) for _ in range(300)]
        before = len(good.times)
        until(lambda: len(good.times) > before + 10)
        assert served.process.num_fds() < 160 - accept.RESERVE // 2
        for link in held:
            link.close()
        good.stop.set()
        watching.join()
    assert not good.failure
    text = log.read_text()
    assert "Traceback" not in text
    assert text.count("\n") < 40, text


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of this kind")
def test_room_is_asked_for_and_kept_free(monkeypatch) -> None:
    asked: list[tuple[int, int]] = []
    limits = Limits(connections=256)
    taken = psutil.Process().num_fds() + accept.RESERVE
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: asked.append(pair))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 100_000))
    assert accept.room(limits) == 256
    assert asked == [(taken + 256, 100_000)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: (taken + 50, taken + 50))
    assert accept.room(limits) == 50
    monkeypatch.setattr(resource, "getrlimit", lambda _: (20, 20))
    assert accept.room(limits) == accept.LEAST


def test_exhausted_descriptors_are_waited_for(base, config, caplog, monkeypatch) -> None:
    """The system has none to give, a few times; then it has."""
    monkeypatch.setattr(accept, "GASP_SECONDS", 0.05)
    real, failures = socket.socket.accept, [0]

    def scarce(listener: socket.socket) -> object:
        if failures[0] < 4:
            failures[0] += 1
            raise OSError(24, os.strerror(24))
        return real(listener)

    monkeypatch.setattr(socket.socket, "accept", scarce)
    with serving(base, config) as served:
        assert health(served) == 200
    assert failures[0] == 4
    lines = [one for one in caplog.records if "Too many open files" in one.getMessage()]
    assert 1 <= len(lines) <= 4
    assert not [one for one in caplog.records if one.exc_info]


def test_debts_are_paid_and_shared(monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    pool = Pool(share=0.1, least=0.02, most=0.05, burst=0.2, start=0.01)
    one = Account(pool)
    assert one.wait == 0
    one.charge(0.06)
    assert one.wait == pytest.approx(0.05 / 0.05)
    others = [Account(pool) for _ in range(3)]
    for other in others:
        other.charge(0.06)
    # four share what there is
    assert one.wait == pytest.approx(0.05 / 0.025)
    now[0] += 2.1
    assert all(account.wait == 0 for account in (one, *others))
    assert not pool.indebted
    now[0] += 100
    assert one.rested
    one.charge(0.2)
    assert one.wait == 0 and not one.rested


def test_coming_again_does_not_pay(monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    pool = Pool(share=0.1, least=0.02, most=0.05, burst=0.2, start=0.01)
    guest = Account(pool)
    guest.charge(0.008)
    assert guest.wait == 0
    assert guest.close() == pytest.approx(0.008)
    stays = Account(pool)
    stays.charge(0.008)
    now[0] += 0.2
    assert stays.close() == 0
    bold = Account(pool)
    bold.charge(0.05)
    assert bold.close() == pytest.approx(0.05)
    assert not pool.indebted


def test_an_address_is_remembered_until_it_has_rested(monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    budget = Budget()
    account = budget.of_address("2001:db8::1")
    account.charge(0.8)
    budget.sweep()
    assert budget.of_address("2001:db8::ffff") is account
    assert budget.of_address("2001:db8:0:1::1") is not account
    now[0] += 1000
    budget.sweep()
    assert budget.of_address("2001:db8::1") is not account


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::1", "::1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_whom_an_address_belongs_to(address, network) -> None:
    assert network_of(address) == network


def test_every_step_is_charged_and_waiting_is_not() -> None:
    charged: list[float] = []

    async def work() -> str:
        sum(range(200_000))
        await asyncio.sleep(0.2)
        try:
            await asyncio.wait_for(asyncio.sleep(5), 0.01)
        except TimeoutError:
            return "done"
        return "never"

    assert asyncio.run(_run(Metered(work(), charged.append))) == "done"
    assert len(charged) >= 3
    assert 0 < sum(charged) < 0.1


def test_what_is_metered_can_be_cancelled() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("here")

    async def main() -> None:
        task = asyncio.create_task(_run(Metered(work(), lambda _: None)))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert ended == ["here"]


async def _run(metered: Metered[str] | Metered[None]) -> object:
    return await metered


def test_a_sentence_is_not_said_for_ever() -> None:
    sparing = Sparing()

    def say(at: float, text: str = "turned %s away") -> str | None:
        record = logging.LogRecord("x", logging.INFO, "", 0, text, ("a",), None)
        record.created = at
        return record.getMessage() if sparing.filter(record) else None

    said = [say(100.0 + index / 1000) for index in range(1000)]
    assert [text is not None for text in said] == [True] * 5 + [False] * 995
    assert say(101.0, "something else %s") == "something else a"
    assert say(120.0) == "turned a away (and 995 more like this before)"


def test_attacks_are_known_by_name() -> None:
    assert {"idle", "chunks", "pipeline", "leave", "pings", "fragments", "messages"} <= set(KINDS)
