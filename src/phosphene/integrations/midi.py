"""MIDI through this machine's ports: clock and transport in and out, knobs and pads in."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections import deque
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

import numpy as np

from phosphene.errors import InputError, MissingExtraError, PhospheneError
from phosphene.integrations.beats import BeatTeller, sure_beat
from phosphene.server.companion import Hands, Listener
from phosphene.server.session_registry import SessionRegistry
from phosphene.show.doctor import MIDI_DRIVER
from phosphene.show.live import OuterBeat
from phosphene.show.sinks.viewers import hand_over

log = logging.getLogger(__name__)
PULSES = 24
"""of the clock in a beat"""
SPAN = 4 * PULSES
"""pulses that the tempo is taken from: two seconds at 120"""
FEWEST = 12
"""before which there is none"""
OFF_SECONDS, OFF_TIMES = 0.012, 4
"""a pulse so far from where it was due, so often in turn, is of another tempo"""
MOST_MISSED = 3
GONE_SECONDS = 0.5
"""without a pulse: the clock is switched off"""
SLOWEST, FASTEST = 15.0, 400.0
SIXTEENTH = PULSES // 4
"""pulses in a step of a song position"""
LOOK_SECONDS = 2.0
"""between two looks whether a port is still there"""
EVERY = 0.05
TICK = 1 / 60
"""seconds in which knobs are gathered"""
VIRTUAL = "virtual"
"""for a port of our own, which others find as `phosphene`"""
LEAP_BEATS = 4
CHASE = 1.25
"""times its tempo at which a clock that is late catches up"""


class ClockReader:
    """From pulses and their times to a tempo and a count. One thread puts, any reads.

    A straight line through the last beats is the clock. Pulses that a busy line lost are counted all the
    same; one that only came late, with the next close behind it, is not taken for a loss.
    """

    def __init__(self) -> None:
        self._pulses: deque[tuple[int, float]] = deque(maxlen=SPAN)
        """place on the line, and when it came"""
        self._recent: deque[float] = deque(maxlen=OFF_TIMES)
        self._off = 0
        self._missed = 0
        """pulses that seem to be missing before the newest one, until the next one tells"""
        self._losses = 0
        """gaps in turn"""
        self._begin = 0
        """place of the song's first pulse"""
        self._stood: int | None = None
        """pulses of the song at which the transport stands"""
        self._beat: OuterBeat | None = None

    def pulse(self, at: float) -> None:
        """One pulse at monotonic ``at``."""
        pulses = self._pulses
        if pulses and at - pulses[-1][1] > GONE_SECONDS:
            self._restart([])
        self._recent.append(at)
        if len(pulses) >= FEWEST:
            step, last = self._line()
            gap = at - pulses[-1][1]
            if self._missed and gap > 0.6 * step:
                pulses[-1] = pulses[-1][0] + self._missed, pulses[-1][1]
                self._losses += 1
            elif gap < 1.5 * step:
                self._losses = 0
            self._missed = min(MOST_MISSED, max(0, round(gap / step) - 1))
            late = at - (last + step)
            self._off = self._off + 1 if abs(late) > max(OFF_SECONDS, 0.25 * step) else 0
            if max(self._off, self._losses) >= OFF_TIMES:
                # another tempo: what was before says nothing of it
                self._restart(list(self._recent)[:-1])
        place = pulses[-1][0] + 1 if pulses else self._begin
        pulses.append((place, at))
        self._beat = self._read()

    def start(self) -> None:
        """The next pulse is the song's first."""
        self.place(0)
        self.go_on()

    def go_on(self) -> None:
        """The next pulse is the one after the last."""
        if self._stood is not None:
            self._begin = self._next - self._stood
            self._stood = None

    def stop(self) -> None:
        """The transport stands; pulses may come on."""
        if self._stood is None:
            self._stood = self._next - self._begin
        self._beat = self._read()

    def place(self, sixteenths: int) -> None:
        """Where the song will go on."""
        self._stood = sixteenths * SIXTEENTH

    def beat(self, now: float) -> OuterBeat | None:
        """What it counts; None while there is no clock."""
        if not self._pulses or now - self._pulses[-1][1] > GONE_SECONDS:
            return None
        return self._beat

    @property
    def _next(self) -> int:
        return self._pulses[-1][0] + 1 if self._pulses else self._begin

    def _restart(self, times: list[float]) -> None:
        """Forget the line but for the pulses at ``times``, which end where the count is."""
        here = self._next
        self._pulses.clear()
        self._pulses.extend((here - len(times) + n, at) for n, at in enumerate(times))
        self._begin = self._begin if self._pulses else here
        self._off = self._missed = self._losses = 0

    def _line(self) -> tuple[float, float]:
        """Seconds of a pulse, and when the newest one was due on the straight line through all."""
        places, times = np.array(self._pulses).T
        step, newest = np.polyfit(places - places[-1], times - times[-1], 1)
        return float(step), float(times[-1] + newest)

    def _read(self) -> OuterBeat | None:
        if len(self._pulses) < FEWEST:
            return None
        step, last = self._line()
        tempo = 60.0 / (PULSES * step) if step > 0 else 0.0
        if not SLOWEST <= tempo <= FASTEST:
            return None
        running = self._stood is None
        count = self._pulses[-1][0] - self._begin if running else self._stood
        return OuterBeat("midi", tempo, (count or 0) / PULSES, last, running=running)


class MidiIn:
    """A :class:`~phosphene.server.companion.Companion`: one input port.

    Knobs and pads are controllers for routes, called ``cc 7`` and ``note 36``, with `` ch 2`` behind on
    other channels than the first. Raises MissingExtraError, InputError.
    """

    def __init__(self, name: str | None, port: Any = None) -> None:
        self._reader = ClockReader()
        self._name = name
        self._port = open_port(name, "input") if port is None else port
        self._knobs: dict[str, float] = {}
        self._hands: Hands
        self._loop: asyncio.AbstractEventLoop
        self._tasks: list[asyncio.Task[None]] = []
        self._stop = threading.Event()

    async def start(self, registry: SessionRegistry) -> None:
        """See :class:`Companion`."""
        self._hands, self._loop = Hands(registry), asyncio.get_running_loop()
        self._listen()
        self._tasks = [asyncio.create_task(self._tell())]
        if self._name != VIRTUAL:
            self._tasks.append(asyncio.create_task(self._look()))
        log.info("MIDI: listening to %s", self._port.name)

    async def close(self) -> None:
        """See :class:`Companion`."""
        self._stop.set()
        for task in self._tasks:
            task.cancel()
        self._port.close()

    def _listen(self) -> None:
        if hasattr(type(self._port), "callback"):
            self._port.callback = self._message
        else:
            threading.Thread(target=self._poll, name="phosphene-midi", daemon=True).start()

    def _poll(self) -> None:
        """For ports that call nobody."""
        with suppress(OSError):
            while not self._stop.is_set() and not self._port.closed:
                for message in self._port.iter_pending():
                    self._message(message)
                time.sleep(0.0005)

    def _message(self, message: Any) -> None:
        """On the port's thread."""
        now, reader = time.monotonic(), self._reader
        match message.type:
            case "clock":
                reader.pulse(now)
            case "start":
                reader.start()
            case "continue":
                reader.go_on()
            case "stop":
                reader.stop()
            case "songpos":
                reader.place(message.pos)
            case "control_change":
                self._turn("cc", message.control, message.value, message.channel)
            case "note_on" | "note_off":
                pressed = message.velocity if message.type == "note_on" else 0
                self._turn("note", message.note, pressed, message.channel)

    def _turn(self, kind: str, number: int, value: int, channel: int) -> None:
        name = f"{kind} {number}" if channel == 0 else f"{kind} {number} ch {channel + 1}"
        if not self._knobs:
            hand_over(self._loop, self._loop.call_later, TICK, self._turned)
        self._knobs[name] = value / 127.0

    def _turned(self) -> None:
        knobs, self._knobs = self._knobs, {}
        if knobs and self._hands.there:
            self._hands.controllers(knobs)

    async def _tell(self) -> None:
        teller = BeatTeller(self._hands)
        while True:
            beat = self._reader.beat(time.monotonic())
            if beat is None:
                teller.gone("midi")
            else:
                teller.tell(beat)
            await asyncio.sleep(EVERY)

    async def _look(self) -> None:
        """A port that is unplugged is said, and taken up again when it is back."""
        there = True
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            names = await asyncio.to_thread(_names, "input")
            if (self._port.name in names) == there:
                continue
            there = not there
            if not there:
                log.warning("MIDI: %s is gone; the show goes on, looking for it.", self._port.name)
                continue
            try:
                old, self._port = self._port, open_port(self._port.name, "input")
                old.close()
                self._listen()
                log.info("MIDI: %s is back", self._port.name)
            except PhospheneError as error:
                log.warning("MIDI: %s", error)


class MidiClockOut:
    """A :class:`~phosphene.server.companion.Companion`: the show's beat as a MIDI clock.

    It starts on a bar, and stops while the show has no tempo that is sure.
    """

    def __init__(self, name: str | None, port: Any = None) -> None:
        self._port = open_port(name, "output") if port is None else port
        self._listener = Listener(hungry=True)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="phosphene-clock", daemon=True)

    async def start(self, registry: SessionRegistry) -> None:
        """See :class:`Companion`."""
        await registry.follow(self._listener)
        self._thread.start()
        log.info("MIDI: clock to %s", self._port.name)

    async def close(self) -> None:
        """See :class:`Companion`."""
        self._stop.set()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join)
        self._port.close()

    def _run(self) -> None:
        try:
            self._play()
        except Exception as error:  # whatever a driver does, the show goes on
            log.error("MIDI clock failed: %s; the show goes on.", error)

    def _play(self) -> None:
        from mido import Message

        count: int | None = None
        """the next pulse; None while it stands"""
        due = 0.0
        while not self._stop.is_set():
            now = time.monotonic()
            beat = sure_beat(self._listener, now)
            if beat is None:
                if count is not None:
                    self._port.send(Message("stop"))
                    count = None
                self._stop.wait(EVERY)
                continue
            step = 60.0 / beat.tempo / PULSES
            if count is None:
                # at the next bar, with the first pulse of it
                bar = math.ceil(beat.beats_at(now) / beat.bar) * beat.bar
                begin = beat.at + (bar - beat.beats) * 60.0 / beat.tempo
                if begin - now > EVERY:
                    self._stop.wait(EVERY)
                    continue
                count, due = bar * PULSES, begin
                self._port.send(Message("start"))
            self._wait(due)
            self._port.send(Message("clock"))
            count += 1
            wanted = beat.at + (count / PULSES - beat.beats) * 60.0 / beat.tempo
            if abs(wanted - due) > LEAP_BEATS * 60.0 / beat.tempo:
                # nobody catches up with that: begin anew
                self._port.send(Message("stop"))
                count = None
                continue
            # it is steered, never set: a little faster or slower until it is right
            due += min(step * CHASE, max(step / CHASE, wanted - due))

    def _wait(self, due: float) -> None:
        left = due - time.monotonic()
        if left > 0:
            time.sleep(left)


def open_port(name: str | None, kind: str) -> Any:
    """An input or output by its name or a part of it; None: the only one; ``virtual``: one of our own.

    Raises MissingExtraError, InputError.
    """
    if find_spec("mido") is None:
        raise MissingExtraError("MIDI", "stage")
    if find_spec("rtmidi") is None:
        raise InputError(f"MIDI ports need {MIDI_DRIVER}.")
    import mido

    opened = mido.open_input if kind == "input" else mido.open_output
    try:
        if name == VIRTUAL:
            return opened("phosphene", virtual=True)
        names = _names(kind)
        found = [each for each in names if name is None or name.lower() in each.lower()]
        exact = [each for each in names if each == name]
        if not found:
            known = f"there are: {', '.join(names)}" if names else "this machine has none"
            raise InputError(f"no MIDI {kind} is called '{name or 'anything'}': {known}.")
        if len(found) > 1 and not exact:
            raise InputError(f"which MIDI {kind}? {', '.join(found)}.")
        return opened((exact or found)[0])
    except PhospheneError:
        raise
    except Exception as error:  # each system's driver has errors of its own
        raise InputError(f"MIDI cannot be used here ({error}).") from error


def _names(kind: str) -> list[str]:
    import mido

    names = mido.get_input_names() if kind == "input" else mido.get_output_names()
    return [str(name) for name in names]
