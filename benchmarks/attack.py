"""What strangers can do to a show: one good client, and attackers of one kind after another.

python benchmarks/attack.py [KIND ...] [--rounds 4] [--attackers 4] [--nice 10]

Serves on loopback, watches one good client's rate, gaps and the server's memory alone, then while each kind
of attack runs, in a process of its own with --attackers threads and bounded memory. Attackers share this
machine's processors with the server; --nice says how much they yield. They never ask for the token, and never
leave this machine.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import resource
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

HEADER = struct.Struct("<BBHIdd")
SETTLE_SECONDS = 3.0
ROUND_SECONDS = 1.5
LONGEST_SECONDS = 120.0
"""after which attackers end by themselves"""
UPGRADE = (
    b"GET /ws?watch=latest HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
)
GET = b"GET /api/schema HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"

Link = Callable[[], socket.socket]


def nothing(link: Link) -> None:
    """No attack: how much the figures of this machine say."""
    time.sleep(1.0)


def idle(link: Link) -> None:
    """Connect, say nothing, hold; 80 for each attacker."""
    held = [link() for _ in range(80)]
    while all(one.fileno() >= 0 for one in held):
        time.sleep(0.05)
        for index, one in enumerate(held):
            one.setblocking(False)
            with suppress(BlockingIOError):
                # what the server closed is opened again
                if one.recv(1) == b"":
                    one.close()
                    held[index] = link()


def many(link: Link) -> None:
    """The same with 400 for each attacker."""
    held = []
    while True:
        with suppress(OSError):
            held.append(link())
        if len(held) >= 400:
            time.sleep(0.5)
            held = held[200:]


def chunks(link: Link) -> None:
    """An upload in chunks of one byte."""
    with link() as one:
        one.sendall(
            b"POST /api/sessions/x/songs HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        while True:
            one.sendall(b"1\r\nx\r\n" * 4000)


def pipeline(link: Link) -> None:
    """The longest answer, asked for without waiting for it."""
    with link() as one:
        threading.Thread(target=_swallow, args=(one,), daemon=True).start()
        while True:
            one.sendall(GET * 200)


def unread(link: Link) -> None:
    """The same, and nothing is read."""
    with link() as one:
        while True:
            one.sendall(GET * 200)


def leave(link: Link) -> None:
    """Connect, ask, leave."""
    with link() as one:
        one.sendall(GET)
        one.recv(1000)


def vanish(link: Link) -> None:
    """Connect, ask, and reset the connection at once."""
    one = link()
    one.sendall(GET)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


def slow(link: Link) -> None:
    """A header that never ends, a byte at a time, from 100 connections."""
    held = [link() for _ in range(100)]
    for one in held:
        one.sendall(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: ")
    while True:
        time.sleep(0.2)
        for one in held:
            one.sendall(b"y")


def pings(link: Link) -> None:
    """A watcher that sends nothing but pings, and reads nothing."""
    _frames(link, bytes([0x89, 0x80]) + bytes(4))


def pongs(link: Link) -> None:
    """The same with pongs that nobody asked for."""
    _frames(link, bytes([0x8A, 0x80]) + bytes(4))


def fragments(link: Link) -> None:
    """A message of empty fragments that never ends."""
    _frames(link, bytes([0x00, 0x80]) + bytes(4), bytes([0x01, 0x80]) + bytes(4))


def messages(link: Link) -> None:
    """Empty messages."""
    _frames(link, bytes([0x81, 0x80]) + bytes(4))


def acks(link: Link) -> None:
    """Messages that make sense, far too many."""
    text = b'{"type":"clock","t":1}'
    _frames(link, bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)


def watchers(link: Link) -> None:
    """Eight that watch, and take every picture."""
    for _ in range(8):
        threading.Thread(target=_watch, args=(link,), daemon=True).start()
    time.sleep(LONGEST_SECONDS)


def garbage(link: Link) -> None:
    """No HTTP at all."""
    with link() as one:
        one.sendall(os.urandom(2000))
        one.recv(1000)


KINDS = {
    act.__name__: act
    for act in (
        *(nothing, idle, many, chunks, pipeline, unread, leave, vanish, slow),
        *(pings, pongs, fragments, messages, acks, watchers, garbage),
    )
}


def _frames(link: Link, frame: bytes, first: bytes = b"") -> None:
    with link() as one:
        one.sendall(UPGRADE)
        one.recv(1000)
        one.sendall(first)
        while True:
            one.sendall(frame * 2000)


def _watch(link: Link) -> None:
    port = 0
    with link() as one:
        port = one.getpeername()[1]
    with (
        suppress(OSError, ConnectionClosed),
        connect(
            f"ws://127.0.0.1:{port}/ws?watch=latest", max_size=None, compression=None
        ) as server,
    ):
        for message in server:
            if isinstance(message, bytes):
                sequence = HEADER.unpack_from(message)[3]
                server.send(json.dumps({"type": "ack", "sequence": sequence}))


def _swallow(one: socket.socket) -> None:
    with suppress(OSError):
        while one.recv(1 << 16):
            pass


def attack(kind: str, port: int, attackers: int) -> None:
    """Run one kind of attack in this process, then end."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, 8192), limit))

    def link() -> socket.socket:
        return socket.create_connection(("127.0.0.1", port), 5)

    def again() -> None:
        while True:
            with suppress(OSError):
                KINDS[kind](link)
                continue
            time.sleep(0.01)

    for _ in range(attackers):
        threading.Thread(target=again, daemon=True).start()
    print("ready", flush=True)
    time.sleep(LONGEST_SECONDS)
    # threads that block in a socket would keep the process
    os._exit(0)


@dataclass
class Good:
    """A client that looks at pictures, and remembers when they came."""

    port: int
    token: str
    times: list[float] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    failure: str = ""
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Watch until told to stop."""
        url = f"ws://127.0.0.1:{self.port}/ws" + (f"?token={self.token}" if self.token else "")
        try:
            with connect(url, max_size=None, compression=None) as server:
                told = 0.0
                while not self.stop.is_set():
                    if time.monotonic() - told > 0.2:
                        told = time.monotonic()
                        server.send(json.dumps({"type": "clock", "t": told * 1e3}))
                    try:
                        message = server.recv(1.0)
                    except TimeoutError:
                        continue
                    if isinstance(message, str):
                        continue
                    _, _, _, sequence, captured, _ = HEADER.unpack_from(message)
                    server.send(json.dumps({"type": "ack", "sequence": sequence}))
                    self.times.append(time.monotonic())
                    self.ages.append(time.monotonic() * 1e3 - captured)
        except (OSError, ConnectionClosed) as error:
            self.failure = f"{type(error).__name__}: {error}"

    def between(self, start: float, end: float) -> tuple[float, float]:
        """(pictures a second, longest gap in seconds) of a stretch of time."""
        seen = [moment for moment in self.times if start <= moment < end]
        edges = [start, *seen, end]
        gaps = [b - a for a, b in itertools.pairwise(edges)]
        return len(seen) / (end - start), max(gaps)


@dataclass(frozen=True)
class Served:
    """A server in a process of its own."""

    port: int
    token: str
    process: psutil.Process
    log: Path


@contextmanager
def served(log: Path, *options: str, descriptors: int = 0) -> Iterator[Served]:
    """`phosphene live` on a free port, until the block ends."""

    def few() -> None:
        if descriptors:
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

    command = (sys.executable, "-m", "phosphene", "live", "--no-browser", "--port", "0")
    with (
        log.open("wb") as file,
        subprocess.Popen(
            (*command, *options), stdout=subprocess.PIPE, stderr=file, preexec_fn=few
        ) as child,
    ):
        try:
            assert child.stdout is not None
            line = child.stdout.readline().decode()
            found = re.search(r":(\d+)/(?:\?token=(\S+))?", line)
            assert found is not None, f"no address in {line!r}; see {log}"
            yield Served(int(found[1]), found[2] or "", psutil.Process(child.pid), log)
        finally:
            child.terminate()
            child.wait(20)


def measure(server: Served, good: Good, kind: str, rounds: int, options: list[str]) -> str:
    """One row: the good client while the attackers are stopped and while they run, turn about.

    Turn about, because a machine that does other things is not as fast now as it was just before.
    """
    time.sleep(SETTLE_SECONDS)
    before = most = server.process.memory_info().rss
    lines = server.log.read_bytes().count(b"\n")
    command = [sys.executable, __file__, kind, "--port", str(server.port), *options]
    alone, under, longest = [], [], 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        attackers = psutil.Process(child.pid)
        assert child.stdout is not None
        child.stdout.readline()
        used = 0.0
        try:
            for _ in range(rounds):
                attackers.suspend()
                time.sleep(SETTLE_SECONDS / 6)
                begin = time.monotonic()
                time.sleep(ROUND_SECONDS)
                alone.append(good.between(begin, time.monotonic())[0])
                attackers.resume()
                begin, spent = time.monotonic(), attackers.cpu_times()
                while time.monotonic() < begin + ROUND_SECONDS:
                    most = max(most, server.process.memory_info().rss)
                    time.sleep(0.05)
                rate, gap = good.between(begin, time.monotonic())
                used += sum(attackers.cpu_times()[:2]) - sum(spent[:2])
                under.append(rate)
                longest = max(longest, gap)
        finally:
            child.kill()
    logged = server.log.read_bytes().count(b"\n") - lines
    here, there = sum(alone) / rounds, sum(under) / rounds
    return (
        f"{kind:10} {here:5.1f} -> {there:5.1f} fps ({there / here if here else 0.0:4.0%});"
        f" longest gap {longest * 1e3:5.0f} ms; memory +{(most - before) / 2**20:4.0f} MB;"
        f" {logged:6} lines of log; attackers took {used / rounds / ROUND_SECONDS:4.0%} of a core"
        f" {good.failure}"
    )


def main() -> None:
    """Attack, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(KINDS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=4, help="of 1.5 s without and 1.5 s with")
    parser.add_argument("--attackers", type=int, default=4)
    parser.add_argument("--nice", type=int, default=10)
    parser.add_argument("--size", default="256x256")
    parser.add_argument("--descriptors", type=int, default=0, help="the server may open")
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.port:
        os.nice(args.nice)
        attack(args.kinds[0], args.port, args.attackers)
    log = Path(f"attack-{os.getpid()}.log")
    options = [f"--{name}={getattr(args, name)}" for name in ("attackers", "nice")]
    with served(log, "--size", args.size, descriptors=args.descriptors) as server:
        for kind in args.kinds or KINDS:
            good = Good(server.port, server.token)
            watching = threading.Thread(target=good.run)
            watching.start()
            print(measure(server, good, kind, args.rounds, options), flush=True)
            good.stop.set()
            watching.join()
    log.unlink()


if __name__ == "__main__":
    main()
