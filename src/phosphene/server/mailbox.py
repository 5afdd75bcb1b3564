"""What waits to be sent on one connection: little, and the newest wins."""

from __future__ import annotations

import asyncio
from collections import deque

from phosphene.server.protocol import Bye, Ready, ServerMessage
from phosphene.server.window import Window
from phosphene.show.sinks.viewers import Picture

REPLIES = 64


class Mailbox:
    """Bounded by construction: a few replies, one state per key, one picture.

    Belongs to the event loop's thread. Replies come first, then states, then the picture, which also
    waits for the window to open.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._replies: deque[ServerMessage] = deque()
        self._states: dict[str, ServerMessage] = {}
        self._credits = 0
        self._picture: Picture | None = None
        self._bye: Bye | None = None
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self.replaced = 0
        """pictures that a newer one replaced before they were sent"""

    async def reply(self, message: ServerMessage) -> None:
        """Queue an answer; waits while too many wait, so that who does not read is not read."""
        await self._room.wait()
        self._replies.append(message)
        if len(self._replies) >= REPLIES:
            self._room.clear()
        self._news.set()

    def put(self, key: str, message: ServerMessage) -> None:
        """Set the state called ``key``; an older one that was not sent yet is forgotten."""
        self._states.pop(key, None)
        self._states[key] = message
        self._news.set()

    def credit(self, credits: int) -> None:
        """Allow so many more pictures in."""
        self._credits += credits
        self._news.set()

    def picture(self, picture: Picture) -> None:
        """Set the picture to send next."""
        self.replaced += self._picture is not None
        self._picture = picture
        self._news.set()

    def bye(self, bye: Bye) -> None:
        """Say this last, and soon: nothing else that waits is sent."""
        self._bye = self._bye or bye
        self.wake()

    def wake(self) -> None:
        """Look again: the window may have opened."""
        self._news.set()

    async def take(self) -> ServerMessage | Picture:
        """The next thing to send; waits for one. After a :class:`Bye` nothing follows."""
        while True:
            found = self._next()
            if found is not None:
                return found
            self._news.clear()
            await self._news.wait()

    def _next(self) -> ServerMessage | Picture | None:
        if self._bye is not None:
            return self._bye
        if self._replies:
            self._room.set()
            return self._replies.popleft()
        if self._credits:
            credits, self._credits = self._credits, 0
            return Ready(credits=credits)
        if self._states:
            return self._states.pop(next(iter(self._states)))
        if self._picture is not None and self._window.open:
            picture, self._picture = self._picture, None
            return picture
        return None
