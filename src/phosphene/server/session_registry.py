"""All sessions of a server: who may have one, who is followed, when one ends."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

from phosphene.config import PipelineConfig
from phosphene.diffusion import BasePipeline
from phosphene.server.limits import Limits
from phosphene.server.microphone import Microphone
from phosphene.server.performer import Performer
from phosphene.server.protocol import SourceReply
from phosphene.server.refusal import Refusal
from phosphene.server.session_handle import SessionHandle
from phosphene.show.live import Hear, Players, Playing, Session, Source
from phosphene.show.live.dynamic_batcher import batcher_for
from phosphene.show.sinks.sound import Tape
from phosphene.show.sinks.viewers import Channel, Consumer
from phosphene.show.sources.feed import Feed

log = logging.getLogger(__name__)
T = TypeVar("T")


class SessionRegistry:
    """Sessions that share one loaded model. Belongs to the event loop's thread."""

    def __init__(
        self,
        base: BasePipeline | Players,
        config: PipelineConfig,
        limits: Limits,
        microphone: Microphone | None = None,
        scores: Iterator[Path] | None = None,
        record_pictures: bool = False,
        feed: Feed | None = None,
    ) -> None:
        self.base = base
        self.config = config
        self.limits = limits
        self.microphone = microphone
        self.feed = feed
        self._scores = scores
        self._record_pictures = record_pictures
        self._batcher = batcher_for(config)
        self._handles: dict[str, SessionHandle] = {}
        self._opening: list[str] = []
        self._house: SessionHandle | None = None
        self._house_lock = asyncio.Lock()
        self._followers: list[Consumer] = []
        self._followed: SessionHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    @property
    def handles(self) -> list[SessionHandle]:
        """Sessions with a performer, or waiting for theirs to come back; the latest last."""
        return list(self._handles.values())

    @property
    def house(self) -> SessionHandle | None:
        """The session that plays while nobody performs."""
        return self._house

    @property
    def on_show(self) -> SessionHandle | None:
        """The session that exits and other programs follow."""
        return self._followed

    @property
    def tape(self) -> Tape | None:
        """What is heard in it; any thread."""
        followed = self._followed
        return None if followed is None else followed.tap.tape

    @property
    def offset(self) -> float:
        """Seconds by which its pictures are wanted later than their sound."""
        followed = self._followed
        return 0.0 if followed is None else followed.offset

    def find(self, session: str) -> SessionHandle:
        """A session by its id. Raises :class:`Refusal`."""
        if session in self._handles:
            return self._handles[session]
        raise Refusal("unknown", "there is no such session: it has ended, or never was.", 404)

    async def perform(
        self, performer: Performer, address: str, resume: str | None
    ) -> SessionHandle:
        """A session for a performer: the one it had, or a new one. Raises :class:`Refusal`."""
        handle = self._handles.get(resume or "")
        if handle is None:
            handle = await self._open(address)
        if handle.farewell is not None:
            handle.farewell.cancel()
            handle.farewell = None
        if handle.performer is not None:
            handle.channel.leave(handle.performer)
            handle.performer.dismiss("replaced", "another window took this session over.")
        handle.performer = performer
        handle.channel.join(performer)
        return handle

    def leave(self, handle: SessionHandle, performer: Performer) -> None:
        """A performer's socket is gone; the session waits a while for it to come back."""
        if handle.performer is not performer:
            return
        handle.performer = None
        handle.channel.leave(performer)
        loop = asyncio.get_running_loop()
        handle.farewell = loop.call_later(
            self.limits.grace_seconds, lambda: self._later(self._end(handle))
        )

    async def end(self, handle: SessionHandle) -> None:
        """End a session now."""
        await asyncio.shield(self._later(self._end(handle)))

    async def _end(self, handle: SessionHandle) -> None:
        if handle.performer is not None or self._handles.pop(handle.id, None) is None:
            # it came back just in time, or is ending already
            return
        self._retarget()
        await handle.end()
        log.info("session %s ended; %d left", handle.id, len(self._handles))
        await self._open_house()

    async def follow(self, consumer: Consumer) -> None:
        """Send the pictures of whatever is performed, and of the house while nothing is."""
        self._followers.append(consumer)
        if self._followed is not None:
            self._followed.channel.join(consumer)
        await self._open_house()

    def unfollow(self, consumer: Consumer) -> None:
        """Send no more."""
        if consumer in self._followers:
            self._followers.remove(consumer)
        if self._followed is not None:
            self._followed.channel.leave(consumer)

    def refresh(self, consumer: Consumer) -> None:
        """A follower may be hungry again."""
        if self._followed is not None and consumer in self._followers:
            self._followed.channel.refresh()

    async def close(self) -> None:
        """End everything; whoever comes now is refused."""
        self._closed = True
        self._followers.clear()
        # what begins or ends just now is waited for: its threads would be left behind
        await asyncio.gather(*self._tasks, return_exceptions=True)
        handles = [*self._handles.values(), *([self._house] if self._house else [])]
        self._handles.clear()
        self._house = self._followed = None
        await asyncio.gather(*(handle.end() for handle in handles))

    async def _open(self, address: str) -> SessionHandle:
        if self._closed:
            raise Refusal("stopped", "the server is stopping.", 503)
        await self._make_room(address)
        # a client that gives up meanwhile must not leave a half-made session behind
        return await asyncio.shield(self._later(self._take_handle(address)))

    async def _take_handle(self, address: str) -> SessionHandle:
        self._opening.append(address)
        try:
            handle = await self._start(address)
        finally:
            self._opening.remove(address)
        self._handles[handle.id] = handle
        self._retarget()
        return handle

    async def _make_room(self, address: str) -> None:
        here = [handle for handle in self.handles if handle.address == address]
        mine = len(here) + self._opening.count(address)
        allowed = self.limits.sessions if _is_local(address) else self.limits.sessions_per_address
        full = len(self._handles) + len(self._opening) >= self.limits.sessions
        left = [handle for handle in here if handle.performer is None]
        if left and (full or mine >= allowed):
            # who comes back without knowing its session must not wait for it
            await self.end(left[0])
        elif full:
            raise Refusal(
                "full", f"all {self.limits.sessions} sessions are in use: try again later.", 503
            )
        elif mine >= allowed:
            raise Refusal(
                "full", f"one address may have {allowed} sessions: close another window.", 503
            )

    async def _start(self, address: str) -> SessionHandle:
        record = None if self._scores is None else next(self._scores)

        def make() -> Playing:
            session = self._session(record)
            session.start()
            return session

        session = await asyncio.to_thread(make)
        return SessionHandle(session, address, Channel(session, self.config.live.jpeg_quality))

    def _session(self, record: Path | None) -> Playing:
        if isinstance(self.base, BasePipeline):
            session: Playing = Session(self.base, self.config, self._batcher)
        else:
            session = self.base.session(self.config)
        if record is not None:
            session.record(record, self._record_pictures)
        return session

    async def _open_house(self) -> None:
        async with self._house_lock:
            if self._handles or not self._followers or self._house is not None or self._closed:
                return
            house = await self._later(self._start(""))
            if self.microphone is not None or self.feed is not None:
                hear: Hear = "nothing" if self.microphone is None else "soundcard"
                sees = self.feed is not None
                house.session.use(Source(hear=hear, see=sees))
                house.source = SourceReply(hear=hear, see=sees, see_from="server")
            if self.microphone is not None:
                house.tap.use(None, live=True)
                house.unplug = self.microphone.plug(house.sound)
            if self.feed is not None:
                house.unsee = self.feed.plug(house.session.picture)
            self._house = house
            log.info("nobody performs: the house plays")
        self._retarget()

    def _retarget(self) -> None:
        latest = self.handles[-1] if self._handles else self._house
        if latest is self._followed:
            return
        for consumer in self._followers:
            if self._followed is not None:
                self._followed.channel.leave(consumer)
            if latest is not None:
                latest.channel.join(consumer)
        self._followed = latest

    def _later(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Do it whatever becomes of the caller."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _is_local(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
