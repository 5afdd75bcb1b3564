"""The client that performs: what it says changes its session."""

from __future__ import annotations

import asyncio
import io
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, UnidentifiedImageError
from pydantic import JsonValue
from starlette.websockets import WebSocket

from phosphene.audio.types import FloatArray
from phosphene.config import PipelineConfig
from phosphene.errors import ConfigError, PhospheneError
from phosphene.server import protocol as say
from phosphene.server.connection import Connection
from phosphene.server.limits import Limits
from phosphene.server.refusal import Refusal
from phosphene.server.tally import Tally
from phosphene.server.wire import Kind, Packet
from phosphene.show.live import OuterBeat, Source
from phosphene.show.live.audio_input import LISTENING
from phosphene.show.live.song import SongClock
from phosphene.show.looks import flatten, look_settings
from phosphene.show.sinks.viewers import hand_over

if TYPE_CHECKING:
    from phosphene.server.microphone import Microphone
    from phosphene.server.session_handle import SessionHandle
    from phosphene.show.sources.feed import Feed

MOST_UNDER_WAY = 60
"""pictures, however far ahead of the song the client asks for them"""
PICTURE_FORMATS = ("JPEG", "PNG", "WEBP")
SOUND_RATES = (8000, 192_000)
"""Hz"""
LONGEST_SOUND = 1.0
"""seconds of sound in one message"""


def check_picture(data: bytes, max_bytes: int, max_pixels: int) -> None:
    """Refuse what is no picture, or would be a huge one; reads the header only."""
    if len(data) > max_bytes:
        raise Refusal("size", f"a picture has at most {max_bytes} bytes, not {len(data)}.")
    try:
        with Image.open(io.BytesIO(data), formats=PICTURE_FORMATS) as picture:
            width, height = picture.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise Refusal("picture", "this is no JPEG, PNG or WebP picture.") from error
    except Image.DecompressionBombError as error:
        raise Refusal("size", f"a picture has at most {max_pixels} pixels.") from error
    if width * height > max_pixels:
        raise Refusal(
            "size", f"a picture has at most {max_pixels} pixels, not {width}x{height}: send less."
        )


def read_sound(packet: Packet) -> tuple[FloatArray, int]:
    """Mono float32 samples and their rate, Hz."""
    rate = packet.value
    if not SOUND_RATES[0] <= rate <= SOUND_RATES[1] or rate != int(rate):
        raise Refusal(
            "sound",
            f"the sample rate must be {SOUND_RATES[0]} to {SOUND_RATES[1]} Hz, not {rate:g}.",
        )
    size = len(packet.payload)
    if size == 0 or size % 4:
        raise Refusal("sound", "sound is float32: its bytes are a multiple of 4, and not none.")
    if size // 4 > LONGEST_SOUND * rate:
        raise Refusal(
            "sound", f"a message holds at most {LONGEST_SOUND:g} s of sound: send shorter ones."
        )
    samples = np.frombuffer(packet.payload, "<f4")
    if not np.isfinite(samples).all():
        raise Refusal("sound", "samples must be finite numbers.")
    return samples.astype(np.float32, copy=False), int(rate)


class Performer(Connection):
    """Owns a session while it is connected."""

    def __init__(
        self,
        socket: WebSocket,
        limits: Limits,
        tally: Tally,
        abort: Callable[[], None],
        start: PipelineConfig,
        microphone: Microphone | None,
        feed: Feed | None,
        stats: Callable[[Performer], say.Stats],
    ) -> None:
        super().__init__(socket, limits, tally, abort)
        self._start = start
        self._microphone = microphone
        self._feed = feed
        self._stats = stats
        self._handle: SessionHandle | None = None

    @property
    def handle(self) -> SessionHandle:
        """Known before anything is read."""
        assert self._handle is not None
        return self._handle

    def sit(self, handle: SessionHandle) -> None:
        """Take a session; tell the client what it finds there."""
        self._handle = handle
        loop = asyncio.get_running_loop()
        # a new client holds no credits yet, and is told how many pictures it may send
        handle.session.on_credit(lambda more: hand_over(loop, self.mailbox.credit, more))
        self.mailbox.put("source", handle.source)
        for song in handle.songs.values():
            self.mailbox.put(f"song {song.news.id}", song.news)

    def refresh(self) -> None:
        """Let the session pause or go on."""
        self.handle.channel.refresh()

    def ended(self) -> None:
        """The session was ended under it."""
        self.dismiss("ended", "the session has ended.")

    def tick(self) -> None:
        """Figures, once a second."""
        self.mailbox.put("stats", self._stats(self))

    async def message(self, message: say.ClientMessage) -> None:
        """Do what the performer asks; what cannot be done is answered under the same id."""
        try:
            match message:
                case say.Clock():
                    self._clock(message)
                case say.Ack(age=float(age)):
                    # no smaller picture makes the network shorter
                    self.handle.session.seen(max(0.0, age - 1e3 * self.window.quickest))
                case say.Set():
                    if message.on is None:
                        changed = self._change(message.values)
                        await self.mailbox.reply(say.ConfigReply(values=changed, id=message.id))
                    else:
                        self.handle.session.set(message.values, message.on, message.id)
                case say.Preset():
                    self._change(look_settings(message.name, self._start))
                    everything = flatten(self.handle.session.config)
                    await self.mailbox.reply(say.ConfigReply(values=everything))
                case say.UseSource():
                    await self.mailbox.reply(self._use(message))
                case say.Beat():
                    at = self.clock.to_server(message.t) if self.clock.known else self.received
                    self.handle.session.beat(message.action, at, message.ms / 1e3)
                case say.Tempo():
                    at = self.clock.to_server(message.t) if self.clock.known else self.received
                    told = message.source, message.tempo, message.beats, at, message.bar
                    self.handle.session.follow(OuterBeat(*told, message.running))
                case say.Scene():
                    self.handle.session.scene(message.on)
                case say.Controllers():
                    self.handle.session.controllers(message.values)
                case say.Record():
                    self.handle.session.keep(message.on)
                    await self.mailbox.reply(say.RecordReply(on=message.on, id=message.id))
        except PhospheneError as error:
            await self.mailbox.reply(_answer(error, message))

    def packet(self, packet: Packet) -> None:
        """Hand a picture or sound to the session."""
        self.clock.heard(packet.captured, self.received)
        captured = self.clock.to_server(packet.captured)
        if packet.kind is Kind.SOUND_IN:
            self.handle.sound(*read_sound(packet), captured)
            return
        picture = bytes(packet.payload)
        try:
            check_picture(picture, self.limits.picture_bytes, self.limits.picture_pixels)
        except Refusal:
            # the credit that it cost
            self.mailbox.credit(1)
            raise
        self.handle.session.picture(picture, captured)

    def _change(self, values: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        changed = self.handle.session.set(values)
        quality = changed.get("live.jpeg_quality")
        if isinstance(quality, int):
            self.handle.channel.quality = quality
        return changed

    def _clock(self, message: say.Clock) -> None:
        if message.position is None:
            return
        at = self.clock.to_server(message.t)
        told = message.position, message.playing, message.rate, message.lead, at
        self.handle.session.clock(*told)
        self.handle.tap.clock(SongClock(*told))
        # pictures made ahead of their time are all under way together
        ahead = math.ceil(message.lead * self._start.live.fps) + 2
        self.window.size = min(MOST_UNDER_WAY, max(self.limits.window, ahead))

    def _use(self, message: say.UseSource) -> say.SourceReply:
        handle = self.handle
        features = digest = name = sound = None
        if message.hear == "song":
            song = handle.songs.get(message.song or "")
            if song is None or song.features is None:
                raise Refusal("song", "that song is not ready: upload one and wait until it is.")
            features, digest, name = song.features, song.sha256 or None, song.name
            sound = song.sound
        if message.hear == "soundcard" and self._microphone is None:
            raise Refusal(
                "soundcard", "this server hears no sound card: start it with --soundcard."
            )
        server_sees = message.see and message.see_from == "server"
        if server_sees and self._feed is None:
            raise Refusal("pictures", "this server sees nothing by itself: start it with --see.")
        handle.session.use(Source(message.hear, message.see, features, digest, name))
        handle.tap.use(sound, live=message.hear in LISTENING)
        if handle.unsee is not None:
            handle.unsee()
            handle.unsee = None
        if server_sees and self._feed is not None:
            handle.unsee = self._feed.plug(handle.session.picture)
        if handle.unplug is not None:
            handle.unplug()
            handle.unplug = None
        if message.hear == "soundcard" and self._microphone is not None:
            handle.unplug = self._microphone.plug(handle.sound)
        song_id = message.song if message.hear == "song" else None
        reply = say.SourceReply(
            hear=message.hear,
            see=message.see,
            see_from=message.see_from,
            song=song_id,
            id=message.id,
        )
        handle.source = reply.model_copy(update={"id": None})
        return reply


def _answer(error: PhospheneError, message: say.ClientMessage) -> say.ErrorReply:
    code = error.code if isinstance(error, Refusal) else "input"
    path = None
    if isinstance(error, ConfigError):
        code = "config"
        if isinstance(message, say.Set):
            # the sentence names the path of the value that is to blame
            path = next((path for path in message.values if path in str(error)), None)
    return say.ErrorReply(code=code, message=str(error), id=getattr(message, "id", None), path=path)
