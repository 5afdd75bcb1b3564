"""One websocket: reads, writes, and is dropped when it takes nothing."""

from __future__ import annotations

import asyncio
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from phosphene.errors import PhospheneError
from phosphene.server import wire
from phosphene.server.budget import Metered
from phosphene.server.gate import gate_of
from phosphene.server.limits import Limits
from phosphene.server.mailbox import Mailbox
from phosphene.server.protocol import (
    Bye,
    ClientMessage,
    ClockReply,
    ErrorReply,
    Heard,
    ServerMessage,
    encode,
    parse,
)
from phosphene.server.refusal import Refusal
from phosphene.server.tally import Tally
from phosphene.server.window import Window
from phosphene.show.live import Shown
from phosphene.show.sinks.viewers import Picture

STRIKES = 20.0
"""messages that make no sense, forgiven one a second"""
HEARD_PER_SECOND = 30.0
CLOSE_CODES = {"full": 1013, "stopped": 1001, "ended": 1000, "replaced": 1000}
POLICY = 1008
"""close code for all other goodbyes"""
CLOCK_SPAN = 15.0
"""seconds; the offset is the least of one to two spans, because quartz clocks drift by 50 ppm"""
METER_DIGITS = 4
"""behind the point: more than any meter shows"""


class Bucket:
    """A token bucket: ``rate`` units a second, ``burst`` of them saved up at most."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._then = time.monotonic()

    def take(self, amount: float = 1.0) -> float:
        """Take ``amount``; the answer is how many seconds too early that was (0: in time)."""
        now = time.monotonic()
        self._level = min(self._burst, self._level + (now - self._then) * self._rate)
        self._then = now
        self._level -= amount
        return max(0.0, -self._level / self._rate)

    def spare(self, amount: float = 1.0) -> bool:
        """Take ``amount`` if it is there."""
        self.take(0.0)
        if self._level < amount:
            return False
        self._level -= amount
        return True


def heard_message(shown: Shown, captured: float, beats: float = math.nan) -> Heard:
    """The moment a picture was made for; ``captured`` and the time at which its
    ``beats`` are counted in client milliseconds, NaN if unknown."""
    moment = shown.moment
    return Heard(
        t=None if math.isnan(captured) else captured,
        beat_t=None if math.isnan(beats) else beats,
        energy=_short(moment.energy),
        bass=_short(moment.bass),
        mid=_short(moment.mid),
        treble=_short(moment.treble),
        onset=_short(moment.onset),
        centroid=_short(moment.centroid),
        beat_position=_short(moment.beat_position),
        beat_phase=_short(moment.beat_phase),
        tempo=_short(shown.tempo),
        confidence=_short(shown.confidence),
        section=moment.section,
        chroma=[_short(value) for value in moment.chroma],
        bar_position=_short(moment.bar_position),
        beats_per_bar=moment.beats_per_bar,
        beat_from=shown.beat_from,
        own_tempo=_short(shown.own_tempo),
        own_off_ms=_short(shown.own_off_ms),
        punch=_short(shown.punch),
        routes=[_short(value) for value in shown.routes] or None,
    )


def _short(value: float) -> float:
    return round(float(value), METER_DIGITS)


class ClientClock:
    """Maps a client's ``performance.now()`` to ``time.monotonic()`` and back.

    The least difference between receiving and sending is the offset: the message that met the least
    delay tells most. What remains is the shortest way of the network, so ages read a little young.
    """

    def __init__(self) -> None:
        self._before: float | None = None
        self._least: float | None = None
        self._since = 0.0

    @property
    def known(self) -> bool:
        """True once any message has told the client's time."""
        return self._least is not None

    def heard(self, client_ms: float, received: float) -> None:
        """A message stamped ``client_ms`` arrived at monotonic time ``received``."""
        offset = received - client_ms / 1e3
        if self._least is None or received - self._since > CLOCK_SPAN:
            self._before, self._least, self._since = self._least, offset, received
        self._least = min(self._least, offset)

    def to_server(self, client_ms: float) -> float:
        """Monotonic seconds here of a moment on the client's clock."""
        return client_ms / 1e3 + self._offset

    def to_client(self, monotonic: float) -> float:
        """Milliseconds on the client's clock of a moment here."""
        return (monotonic - self._offset) * 1e3

    @property
    def _offset(self) -> float:
        assert self._least is not None, "ask only when known"
        return self._least if self._before is None else min(self._before, self._least)


class Connection(ABC):
    """A client on its websocket; a :class:`~phosphene.show.sinks.viewers.Consumer` of pictures.

    What it says goes to :meth:`message` and :meth:`packet` of its role.
    """

    raw = moving = False

    def __init__(
        self, socket: WebSocket, limits: Limits, tally: Tally, abort: Callable[[], None]
    ) -> None:
        self.window = Window(limits.window)
        self.mailbox = Mailbox(self.window)
        self.clock = ClientClock()
        self.limits = limits
        self.tally = tally
        self.sent = 0
        self.keys = False
        """whether the client moves pictures itself"""
        self.fields = False
        """whether it colours them itself, too"""
        self._shown: int | None = None
        self._socket = socket
        self._gate = gate_of(socket)
        self._abort = abort
        self._messages = Bucket(limits.messages_per_second, limits.messages_per_second)
        self._bytes = Bucket(limits.bytes_per_second, limits.bytes_per_second)
        self._strikes = Bucket(1.0, STRIKES)
        self._heard = Bucket(HEARD_PER_SECOND, 4.0)
        self._received = 0.0

    @abstractmethod
    async def message(self, message: ClientMessage) -> None:
        """Do what a JSON message says."""

    @abstractmethod
    def packet(self, packet: wire.Packet) -> None:
        """Take a picture or sound."""

    @abstractmethod
    def refresh(self) -> None:
        """Tell the channel that :attr:`hungry` may have changed."""

    @abstractmethod
    def tick(self) -> None:
        """Called once a second."""

    @property
    def hungry(self) -> bool:
        """True while pictures arrive as fast as they are sent."""
        return self.window.open

    @property
    def received(self) -> float:
        """Monotonic time at which the message in hand arrived."""
        return self._received

    def offer(self, picture: Picture) -> None:
        """Send this picture next."""
        self.mailbox.picture(picture)

    def dismiss(self, code: str, message: str) -> None:
        """Say goodbye and close, whatever else waits."""
        self.mailbox.bye(Bye(code=code, message=message))

    async def run(self) -> None:
        """Serve the client until it leaves or is dismissed."""
        jobs = (self._read, self._write, self._watch)
        tasks = [asyncio.create_task(self._metered(job())) for job in jobs]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
                    raise result

    async def _metered(self, work: Coroutine[Any, Any, None]) -> None:
        await (work if self._gate is None else Metered(work, self._gate.charge))

    async def _read(self) -> None:
        while True:
            received = await self._socket.receive()
            self._received = time.monotonic()
            if received["type"] == "websocket.disconnect":
                return
            data: str | bytes = received.get("text") or received.get("bytes") or ""
            self.tally.received.inc(len(data))
            # who sends too fast is read more slowly; the network holds the rest back
            wait = max(self._messages.take(), self._bytes.take(len(data)))
            if self._gate is not None:
                wait = max(wait, self._gate.account.wait)
            if wait > 0:
                await asyncio.sleep(wait)
            try:
                if isinstance(data, str):
                    await self._text(data)
                else:
                    self.packet(wire.unpack(data))
            except PhospheneError as error:
                await self._refuse(error)

    async def _text(self, text: str) -> None:
        if len(text) > self.limits.message_bytes:
            raise Refusal("size", f"a message has at most {self.limits.message_bytes} characters.")
        message = parse(text)
        if message.type == "ack":
            self.window.ack(message.sequence, self._received)
            self.mailbox.wake()
            self.refresh()
        if message.type == "clock":
            self.clock.heard(message.t, self._received)
            reply = ClockReply(t=message.t, server=self._received * 1e3)
            self.mailbox.put("clock", reply)
        await self.message(message)

    async def _refuse(self, error: PhospheneError) -> None:
        code = error.code if isinstance(error, Refusal) else "input"
        self.tally.refused.labels(code).inc()
        if not self._strikes.spare():
            self.dismiss("protocol", f"too many messages that make no sense; the last: {error}")
            return
        await self.mailbox.reply(ErrorReply(code=code, message=str(error)))

    async def _write(self) -> None:
        while True:
            item = await self.mailbox.take()
            try:
                async with asyncio.timeout(self.limits.stall_seconds):
                    if isinstance(item, Picture):
                        await self._send_picture(item)
                    else:
                        await self._send(item)
                    if isinstance(item, Bye):
                        await self._socket.close(CLOSE_CODES.get(item.code, POLICY), item.code)
                        return
            except TimeoutError:
                self._abort()
                return

    async def _send(self, message: ServerMessage) -> None:
        await self._deliver(encode(message))

    async def _send_picture(self, picture: Picture) -> None:
        shown = picture.shown
        captured = self.clock.to_client(shown.captured) if self.clock.known else math.nan
        if self._heard.spare():
            beats = self.clock.to_client(shown.heard_at) if self.clock.known else math.nan
            await self._send(heard_message(shown, captured, beats))
        value = math.nan if shown.position is None else shown.position
        way = picture.path.between(self._shown, shown.sequence) if self.keys else None
        self._shown = shown.sequence
        kind, payload = wire.Kind.PICTURE_OUT, picture.whole
        if way is not None:
            kind, payload = wire.Kind.KEY_OUT, picture.jpeg
        if way is not None and self.fields and picture.planes and shown.field is not None:
            kind, payload = wire.Kind.FIELD_OUT, wire.field(shown.field, shown.size, picture.planes)
        packet = wire.Packet(kind, shown.sequence, captured, value, payload, way, shown.strobes)
        # counted before it is sent: the acknowledgement may be faster than this task
        self.window.sent(shown.sequence & 0xFFFFFFFF, time.monotonic())
        self.refresh()
        self.tally.pictures.inc()
        self.sent += 1
        await self._deliver(wire.pack(packet))

    async def _deliver(self, data: str | bytes) -> None:
        self.tally.sent.inc(len(data))
        try:
            if isinstance(data, str):
                await self._socket.send_text(data)
            else:
                await self._socket.send_bytes(data)
        except RuntimeError as error:
            # the server has closed by itself, after a message of impossible length for example
            raise WebSocketDisconnect(1006) from error

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            if self.window.waiting(time.monotonic()) > self.limits.stall_seconds:
                self.dismiss("stalled", "no picture was acknowledged for a while.")
            self.tick()
