"""A session on this server: who performs, who watches, which songs it has."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from phosphene.audio.types import AudioFeatures, FloatArray
from phosphene.server.connection import Connection
from phosphene.server.protocol import ConfigReply, ErrorReply, SongNews, SourceReply
from phosphene.show.live import Playing
from phosphene.show.live.types import Changed
from phosphene.show.sets import Laid, Pilot, Set, lay, pilot_of
from phosphene.show.sinks.sound import Tap
from phosphene.show.sinks.viewers import Channel, hand_over

SOUND = "sound"
"""name of the file"""
CHANGES_KEPT = 64
"""settings that changed by themselves, on their way to the performer"""
OFFSET_SECONDS = 0.5
"""between two looks at how much later pictures are wanted than their sound"""


@dataclass
class Song:
    """An uploaded song."""

    news: SongNews
    features: AudioFeatures | None = None
    """once it was heard"""
    sha256: str = ""
    """of its file, once all of it is here"""
    name: str | None = None
    """of that file, as the client called it"""
    folder: tempfile.TemporaryDirectory[str] | None = None
    """where its sound is kept, as long as this is; only where exits take sound"""

    @property
    def sound(self) -> Path | None:
        """Its sound, for a :class:`~phosphene.show.sinks.sound.SongTape`."""
        return None if self.folder is None else Path(self.folder.name) / SOUND

    def forget(self) -> None:
        """Delete what is kept of it on the disk."""
        if self.folder is not None:
            self.folder.cleanup()
            self.folder = None


@dataclass(frozen=True)
class Lying:
    """The cues of a set on the songs that are here."""

    cues: dict[str, tuple[Laid, ...]]
    """by the hash of their song's file"""
    pilot: Pilot | None
    problems: dict[int, str]
    """by the place of the song in the set"""

    @classmethod
    def of(cls, told: Set | None, songs: list[Song]) -> Lying:
        """Lay them; a cue that cannot be laid is a problem of its song, the others are played."""
        cues: dict[str, tuple[Laid, ...]] = {}
        problems: dict[int, str] = {}
        if told is None:
            return cls(cues, None, problems)
        for song in songs:
            index = told.find(song.sha256) if song.features is not None else None
            if index is None or song.features is None:
                continue
            said: list[str] = []
            cues[song.sha256] = lay(told, index, song.features, said)
            if said:
                more = f" So are {len(said) - 1} more of its cues." if said[1:] else ""
                problems[index] = f"{said[0]} It is left out.{more}"
        return cls(cues, pilot_of(told), problems)


@dataclass(eq=False)
class SessionHandle:
    """Belongs to the event loop's thread; the session has threads of its own."""

    session: Playing
    address: str
    """of the performer; empty for the house"""
    channel: Channel
    tap: Tap = field(default_factory=Tap)
    """what is heard, for exits"""
    performer: Connection | None = None
    songs: dict[str, Song] = field(default_factory=dict)
    source: SourceReply = field(default_factory=lambda: SourceReply(hear="nothing", see=False))
    unplug: Callable[[], None] | None = None
    """stops the sound card's sound"""
    unsee: Callable[[], None] | None = None
    """stops the server's own pictures"""
    farewell: asyncio.TimerHandle | None = None
    """ends the session when its performer stays away"""
    hearing: set[asyncio.Task[None]] = field(default_factory=set)
    """songs that are being heard"""
    told: Set | None = None
    """the set that is played"""
    changes: int = 0
    over: bool = False
    _looked: float = 0.0
    _offset: float = 0.0

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.session.on_error(lambda text: hand_over(loop, self._complain, text))
        self.session.on_change(lambda changed: hand_over(loop, self._changed, changed))

    def sound(self, samples: FloatArray, rate: int, captured: float) -> None:
        """What :meth:`Playing.sound` takes, for exits too; any thread."""
        self.session.sound(samples, rate, captured)
        self.tap.sound(samples, rate, captured)

    @property
    def offset(self) -> float:
        """Seconds by which pictures are wanted later than their sound, as it was of late."""
        now = time.monotonic()
        if now - self._looked > OFFSET_SECONDS:
            # settings are copied: not for every picture
            self._looked = now
            self._offset = self.session.config.live.latency_offset_ms / 1e3
        return self._offset

    @property
    def id(self) -> str:
        """Of the session."""
        return self.session.id

    def tell(self, news: SongNews) -> None:
        """Tell the performer how far a song is."""
        if news.id in self.songs:
            self.songs[news.id].news = news
            if self.performer is not None:
                self.performer.mailbox.put(f"song {news.id}", news)

    async def play(self, told: Set | None) -> Lying:
        """Play a set, or none. What cannot be laid is told, the rest is played."""
        self.told = told
        return await self.lay()

    async def lay(self) -> Lying:
        """Lay the cues of the set on the songs that were heard so far."""
        told, songs = self.told, list(self.songs.values())
        lying = await asyncio.to_thread(Lying.of, told, songs)
        if told is self.told and not self.over:
            self.session.lay(lying.cues, lying.pilot)
        return lying

    def _changed(self, changed: Changed) -> None:
        if self.performer is None:
            return
        self.changes += 1
        reply = ConfigReply(
            values=changed.values, id=changed.id, look=changed.look, position=changed.position
        )
        self.performer.mailbox.put(f"config {self.changes % CHANGES_KEPT}", reply)

    def _complain(self, text: str) -> None:
        if self.performer is not None:
            self.performer.mailbox.put("error", ErrorReply(code="session", message=text))

    async def end(self) -> None:
        """End the session, and all that is done for it."""
        self.over = True
        if self.farewell is not None:
            self.farewell.cancel()
        if self.unplug is not None:
            self.unplug()
        if self.unsee is not None:
            self.unsee()
        self.channel.end()
        for task in self.hearing:
            task.cancel()
        await asyncio.gather(*self.hearing, return_exceptions=True)
        await asyncio.to_thread(self._close)
        self.tap.use(None)
        for song in self.songs.values():
            song.forget()

    def _close(self) -> None:
        self.channel.close()
        self.session.close()
