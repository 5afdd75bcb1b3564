"""A session on this server: who performs, who watches, which songs it has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from phosphene.audio.types import AudioFeatures
from phosphene.server.connection import Connection
from phosphene.server.protocol import ErrorReply, SongNews, SourceReply
from phosphene.show.live import Playing
from phosphene.show.sinks.viewers import Channel, hand_over


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


@dataclass(eq=False)
class Seat:
    """Belongs to the event loop's thread; the session has threads of its own."""

    session: Playing
    address: str
    """of the performer; empty for the house"""
    channel: Channel
    performer: Connection | None = None
    songs: dict[str, Song] = field(default_factory=dict)
    source: SourceReply = field(default_factory=lambda: SourceReply(hear="nothing", see=False))
    unplug: Callable[[], None] | None = None
    """stops the sound card's sound"""
    farewell: asyncio.TimerHandle | None = None
    """ends the session when its performer stays away"""
    hearing: set[asyncio.Task[None]] = field(default_factory=set)
    """songs that are being heard"""
    over: bool = False

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.session.on_error(lambda text: hand_over(loop, self._complain, text))

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
        self.channel.end()
        for task in self.hearing:
            task.cancel()
        await asyncio.gather(*self.hearing, return_exceptions=True)
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self.channel.close()
        self.session.close()
