"""OSC in: gathered on a thread, thinned to the last value of each address, done on the event loop."""

from __future__ import annotations

import asyncio
import heapq
import logging
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import JsonValue

from phosphene.errors import InputError, PhospheneError
from phosphene.integrations.osc.addresses import ROOT, Address, find, value
from phosphene.server.companion import Hands
from phosphene.server.listen import unbound
from phosphene.show.live.types import On
from phosphene.show.sinks.viewers import hand_over

log = logging.getLogger(__name__)
TICK = 1 / 30
"""seconds between two looks at what has come: a flood costs no more than that"""
MOST_READ = 20_000
"""datagrams of one look"""
PRESSES, PRESS_SECONDS = 4, 0.05
"""of a button that count at once, and seconds after which one more does: no hand is quicker"""
MOST_WAITING, LONGEST_WAIT = 2_000, 600.0
"""messages with a time tag that are kept, and seconds for which"""
BUFFER = 1 << 20
"""bytes that the system may hold for us"""
LARGEST = 65_535
SAY_AGAIN = 10.0
"""seconds after which the same complaint is said once more"""
STOP_LOOK = 0.25
"""seconds after which a silent thread looks whether it is to end"""


@dataclass(frozen=True)
class Act:
    """Something to be done."""

    address: Address
    arguments: tuple[Any, ...]
    name: str
    """as it was sent"""
    at: float
    """monotonic seconds at which it was meant"""
    when: On | None = None


class Inlet:
    """One UDP port. ``answer`` is told in a sentence what was not done.

    Raises :class:`InputError` for a port that is taken.
    """

    def __init__(
        self, host: str, port: int, answer: Callable[[str], None], sync: Callable[[], None]
    ) -> None:
        self._hands: Hands
        self._answer = answer
        self._sync = sync
        self._socket = bind_datagrams(host, port)
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._said: dict[str, float] = {}
        self._kept: dict[object, Act] = {}
        self._buttons: dict[bytes, Button] = {}
        # by time of the wall clock, as time tags are
        self._later: list[tuple[float, int, str, tuple[Any, ...]]] = []
        self._count = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="phosphene-osc", daemon=True)

    def start(self, hands: Hands) -> None:
        """Listen from now on; what is said is done by ``hands`` on the running event loop."""
        self._hands, self._loop = hands, asyncio.get_running_loop()
        self._thread.start()

    def close(self) -> None:
        """Let go of the port."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()

    # on the thread

    def _run(self) -> None:
        while not self._stop.is_set():
            soon = self._later[0][0] - time.time() if self._later else STOP_LOOK
            pressed = any(button.waiting for button in self._buttons.values())
            soon = min(soon, PRESS_SECONDS) if pressed else soon
            ready, _, _ = select.select([self._socket], [], [], min(STOP_LOOK, max(0.0, soon)))
            if ready or pressed or (self._later and self._later[0][0] <= time.time()):
                acts = self._gather()
                if acts and self._loop is not None:
                    hand_over(self._loop, self._do, acts)
                self._stop.wait(TICK)

    def _gather(self) -> list[Act]:
        """All that has come, the last of each address, in the order in which they were said last."""
        plain: dict[bytes, tuple[bytes, float]] = {}
        told: list[tuple[str, tuple[Any, ...], float]] = []
        for datagram in self._datagrams():
            now = time.monotonic()
            head = datagram.partition(b"\0")[0]
            if not datagram.startswith(b"/"):
                told += self._bundle(datagram)
            elif _presses(head):
                if head not in self._buttons and len(self._buttons) < MOST_WAITING:
                    self._buttons[head] = Button()
                if head in self._buttons:
                    self._buttons[head].press((datagram, now))
            else:
                # knobs share an address: they are told apart by all but the number at the end
                key = datagram[:-4] if head == KNOBS else head
                # moved behind what came between: order is that of the last word
                plain.pop(key, None)
                plain[key] = datagram, now
        told += self._due()
        pressed = (press for button in self._buttons.values() for press in button.presses())
        read = [*plain.values(), *pressed]
        for datagram, now in sorted(read, key=lambda each: each[1]):
            told += ((name, args, now) for name, args in self._messages(datagram))
        return list(self._acts(told))

    def _datagrams(self) -> Iterator[bytes]:
        for _ in range(MOST_READ):
            try:
                yield self._socket.recv(LARGEST)
            except (BlockingIOError, ConnectionError):
                return

    def _messages(self, datagram: bytes) -> list[tuple[str, tuple[Any, ...]]]:
        from pythonosc.osc_message import OscMessage

        try:
            message = OscMessage(datagram)
            return [(message.address, tuple(message.params))]
        except Exception as error:  # bytes of a stranger: the library raises what it likes
            self._complain("broken", f"an OSC message could not be read ({type(error).__name__}).")
            return []

    def _bundle(self, datagram: bytes) -> list[tuple[str, tuple[Any, ...], float]]:
        """Messages of a bundle that are due; those that are not are kept."""
        from pythonosc.osc_packet import OscPacket

        try:
            messages = OscPacket(datagram).messages
        except Exception as error:
            self._complain("broken", f"an OSC packet could not be read ({type(error).__name__}).")
            return []
        now, due = time.time(), []
        for at, message in messages:
            said = message.address, tuple(message.params)
            if at <= now:
                due.append((*said, time.monotonic()))
            elif at - now > LONGEST_WAIT or len(self._later) >= MOST_WAITING:
                self._complain("late", f"{message.address} is meant for too late a time.")
            else:
                self._count += 1
                heapq.heappush(self._later, (at, self._count, *said))
        return due

    def _due(self) -> list[tuple[str, tuple[Any, ...], float]]:
        due = []
        while self._later and self._later[0][0] <= time.time():
            at, _, name, args = heapq.heappop(self._later)
            due.append((name, args, time.monotonic() - (time.time() - at)))
        return due

    def _acts(self, told: Sequence[tuple[str, tuple[Any, ...], float]]) -> Iterator[Act]:
        for name, args, at in told:
            try:
                found, when = find(name)
            except InputError as error:
                self._complain(name, str(error))
                continue
            for address in found:
                yield Act(address, args, name, at, when)

    # on the event loop

    def _do(self, acts: list[Act]) -> None:
        if not self._hands.there:
            # faders stand where they were put: the show that begins finds them
            self._complain("nobody", "no show is on: open the page.")
            self._kept.update({(a.address.path, a.when): a for a in acts if a.address.path})
            return
        waiting, self._kept = [*self._kept.values(), *acts], {}
        values: dict[str, JsonValue] = {}
        names: dict[str, str] = {}
        for act in waiting:
            with self._guard(act.name):
                if act.address.path and act.when is None:
                    values[act.address.path] = value(act.address, act.arguments)
                    names[act.address.path] = act.name
                    continue
                # order is kept: a fader moved before a look must not undo it
                self._change(values, names)
                values, names = {}, {}
                self._act(act)
        self._change(values, names)

    def _change(self, values: dict[str, JsonValue], names: dict[str, str]) -> None:
        """All in one; where one is at fault the others happen all the same."""
        if not values:
            return
        try:
            self._hands.set(values)
        except PhospheneError:
            for path, each in values.items():
                with self._guard(names[path]):
                    self._hands.set({path: each})

    @contextmanager
    def _guard(self, name: str) -> Iterator[None]:
        try:
            yield
        except PhospheneError as error:
            self._complain(name, str(error))

    def _act(self, act: Act) -> None:
        hands, name, given, when = self._hands, act.address.name, act.arguments, act.when
        if act.address.path:
            hands.set({act.address.path: value(act.address, given)}, when)
            return
        if name == "look":
            hands.look(_which(given), when)
            return
        if name == "controller":
            hands.controllers(_knob(act))
            return
        if name == "record":
            hands.keep(bool(_number(act, 1.0)))
            return
        # a button that is let go says 0
        if name != "beat/nudge" and given and not _number(act, 1.0):
            return
        match name:
            case "look/next" | "cue/next":
                hands.step_look(1, when)
            case "look/previous" | "cue/previous":
                hands.step_look(-1, when)
            case "scene":
                hands.scene(when)
            case "tap":
                hands.beat("tap", act.at)
            case "beat/half":
                hands.beat("half", act.at)
            case "beat/double":
                hands.beat("double", act.at)
            case "beat/release":
                hands.beat("release", act.at)
            case "beat/nudge":
                hands.beat("nudge", act.at, _number(act) / 1e3)
            case "sync":
                self._sync()

    def _complain(self, what: str, text: str) -> None:
        """Say it, and not a thousand times."""
        if self._fresh(what):
            log.warning("OSC: %s", text)
        if self._fresh(text):
            self._answer(text)

    def _fresh(self, what: str) -> bool:
        """Whether it was not said of late."""
        now = time.monotonic()
        if now - self._said.get(what, -SAY_AGAIN) < SAY_AGAIN:
            return False
        if len(self._said) > MOST_WAITING:
            self._said.clear()
        self._said[what] = now
        return True


KNOBS = f"{ROOT}/controller".encode()


class Button:
    """What a trigger's address was sent. A burst counts; of a flood some, and the last."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[bytes, float]] = deque()
        self._left, self._at = float(PRESSES), time.monotonic()

    def press(self, press: tuple[bytes, float]) -> None:
        """Once more; where too many wait, in the place of the last."""
        if len(self.waiting) >= PRESSES:
            self.waiting.pop()
        self.waiting.append(press)

    def presses(self) -> Iterator[tuple[bytes, float]]:
        """Those that may be done now."""
        now = time.monotonic()
        self._left = min(float(PRESSES), self._left + (now - self._at) / PRESS_SECONDS)
        self._at = now
        while self.waiting and self._left >= 1.0:
            self._left -= 1.0
            yield self.waiting.popleft()


_PRESSES = ("look", "cue", "scene", "tap", "beat", "record", "sync")


@lru_cache(MOST_WAITING)
def _presses(head: bytes) -> bool:
    """Whether every message of an address counts, not only the last."""
    if not head.startswith(ROOT.encode() + b"/"):
        return False
    parts = head.split(b"/")[2:]
    if parts[:1] == [b"on"]:
        parts = parts[2:]
    return bool(parts) and parts[0].decode("ascii", "replace") in _PRESSES


def _which(given: Sequence[Any]) -> str | int:
    if len(given) == 1 and isinstance(given[0], str):
        return given[0]
    if len(given) == 1 and isinstance(given[0], int | float) and given[0] == int(given[0]):
        return int(given[0])
    raise InputError(f"{ROOT}/look takes a number from 1, or a look's name.")


def _knob(act: Act) -> dict[str, float]:
    """``/phosphene/controller NAME 0.5`` or ``/phosphene/controller/NAME 0.5``."""
    given = act.arguments
    name = act.name.partition("controller/")[2]
    if not name and given and isinstance(given[0], str):
        name, given = given[0], given[1:]
    if not name or len(name) > 100:
        raise InputError(f"{act.name} takes a knob's name and 0 to 1.")
    return {name: _number(Act(act.address, tuple(given), act.name, act.at))}


def _number(act: Act, otherwise: float | None = None) -> float:
    """The only argument, within the address's range."""
    given = act.arguments
    if not given and otherwise is not None:
        return otherwise
    if len(given) != 1 or not isinstance(given[0], int | float) or given[0] != given[0]:
        raise InputError(f"{act.name} takes a number.")
    low, high = act.address.low, act.address.high
    if (low is not None and given[0] < low) or (high is not None and given[0] > high):
        raise InputError(f"{act.name} takes {low:g} to {high:g}, not {given[0]:g}.")
    return float(given[0])


def bind_datagrams(host: str, port: int) -> socket.socket:
    """A UDP socket that does not block. Raises :class:`InputError`."""
    made, address = unbound(host, port, socket.SOCK_DGRAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        made.bind(address)
    except (OSError, OverflowError) as error:
        made.close()
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"cannot listen for OSC on {host} port {port} ({reason}): choose another port."
        ) from error
    made.setblocking(False)
    return made
