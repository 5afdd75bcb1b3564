"""OSC out: what is heard, how old the picture is, and every value that changes."""

from __future__ import annotations

import logging
import math
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from phosphene.errors import InputError
from phosphene.integrations.osc.addresses import HEARD, ROOT, addresses, arguments
from phosphene.server.companion import Listener

log = logging.getLogger(__name__)
LARGEST = 1_400
"""bytes of a datagram that no network cuts in pieces"""
STALE_SECONDS = 1.0
"""after which nothing is heard any more"""
Said = tuple[str, Sequence[tuple[str, Any]]]
"""address below the root, and its arguments as (type tag, value)"""


class Outlet:
    """Where it goes. Belongs to the event loop's thread; nothing here waits."""

    def __init__(self, targets: Sequence[tuple[str, int]]) -> None:
        """Raises :class:`InputError` for a name that nobody knows."""
        self._targets = [_resolved(host, port) for host, port in targets]
        self._sockets: dict[int, socket.socket] = {}
        self._quiet: set[tuple[Any, ...]] = set()
        self._told: dict[str, JsonValue] = {}
        self._beat = self._bar = -1

    def say(self, messages: Sequence[Said]) -> None:
        """In as few datagrams as fit; a receiver that is gone is named once and asked on."""
        for datagram in packed(messages):
            for family, address in self._targets:
                try:
                    self._socket(family).sendto(datagram, address)
                except (BlockingIOError, ConnectionError):
                    # nobody listens there yet, or the line is full: the next one is newer
                    continue
                except OSError as error:
                    if address not in self._quiet:
                        self._quiet.add(address)
                        log.warning(
                            "OSC to %s: %s; the show goes on, trying again.",
                            *(f"{address[0]}:{address[1]}", error.strerror or error),
                        )
                else:
                    self._quiet.discard(address)

    def values(self, values: Mapping[str, JsonValue], whole: bool = False) -> None:
        """Tell what has changed since it was told last; ``whole``: everything."""
        changed = {
            path: value for path, value in values.items() if whole or self._told.get(path) != value
        }
        if not changed:
            return
        self._told = dict(values)
        table = addresses().values()
        said = [(a.name, arguments(a, changed[a.path])) for a in table if a.path in changed]
        self.say(said)

    def heard(self, listener: Listener, rate: float) -> None:
        """The newest moment, brought forward to now."""
        now = time.monotonic()
        if listener.shown is not None and now - listener.at < STALE_SECONDS:
            self.say([*self._moment(listener, now), ("picture/rate", [("f", rate)])])

    def error(self, text: str) -> None:
        """What was not done."""
        self.say([("error", [("s", text)])])

    def close(self) -> None:
        """Let go."""
        for each in self._sockets.values():
            each.close()

    def _socket(self, family: int) -> socket.socket:
        if family not in self._sockets:
            made = socket.socket(family, socket.SOCK_DGRAM)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            made.setblocking(False)
            self._sockets[family] = made
        return self._sockets[family]

    def _moment(self, listener: Listener, now: float) -> Iterator[Said]:
        shown = listener.shown
        assert shown is not None
        moment = shown.moment
        for name, *_ in HEARD:
            yield f"heard/{name}", [("f", float(getattr(moment, name)))]
        passed = (now - shown.heard_at) * max(0.0, shown.tempo) / 60.0
        beats = moment.beat_position + passed
        yield "heard/tempo", [("f", shown.tempo)]
        yield "heard/confidence", [("f", shown.confidence)]
        yield "heard/beats", [("f", beats)]
        yield "heard/phase", [("f", beats % 1.0)]
        yield "heard/section", [("i", moment.section)]
        yield "heard/chroma", [("f", float(value)) for value in moment.chroma]
        yield "picture/age", [("f", (now - shown.captured) * 1e3)]
        beat = math.floor(beats)
        if beat != self._beat and shown.tempo > 0:
            self._beat = beat
            count = beat + round(moment.counted_beats - moment.beat_position)
            yield "heard/beat", [("i", count % max(1, moment.beats_per_bar) + 1)]
        if moment.bar != self._bar:
            self._bar = moment.bar
            yield "heard/bar", [("i", moment.bar)]


def packed(messages: Sequence[Said]) -> Iterator[bytes]:
    """Bundles that are to be done at once."""
    from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
    from pythonosc.osc_message_builder import OscMessageBuilder

    builder, size = OscBundleBuilder(IMMEDIATELY), 16
    for name, given in messages:
        message = OscMessageBuilder(f"{ROOT}/{name}")
        for tag, value in given:
            message.add_arg(value, tag)
        built = message.build()
        if size > 16 and size + 4 + built.size > LARGEST:
            yield builder.build().dgram
            builder, size = OscBundleBuilder(IMMEDIATELY), 16
        builder.add_content(built)
        size += 4 + built.size
    if size > 16:
        yield builder.build().dgram


def _resolved(host: str, port: int) -> tuple[int, tuple[Any, ...]]:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    except (OSError, UnicodeError) as error:
        raise InputError(f"nobody knows '{host}': give --osc-out an address or a name.") from error
    return family, address
