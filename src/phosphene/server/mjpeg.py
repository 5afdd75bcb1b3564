"""/stream.mjpg: pictures for anything that shows a camera."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from phosphene.server.app_state import AppState, address_of
from phosphene.server.gate import gate_of
from phosphene.show.sinks.viewers import Picture

BOUNDARY = b"phosphene"


class Slot:
    """Takes one picture at a time, the newest."""

    raw = keys = fields = False
    moving = True

    def __init__(self, refreshed: Callable[[], None]) -> None:
        self._refreshed = refreshed
        self._picture: Picture | None = None
        self._news = asyncio.Event()
        self._over = False

    @property
    def hungry(self) -> bool:
        """True while the last picture has been sent."""
        return self._picture is None

    def offer(self, picture: Picture) -> None:
        """Send this one next."""
        self._picture = picture
        self._news.set()

    def ended(self) -> None:
        """No picture follows."""
        self._over = True
        self._news.set()

    async def take(self) -> Picture | None:
        """The next picture; None at the end."""
        while self._picture is None and not self._over:
            self._news.clear()
            await self._news.wait()
        picture, self._picture = self._picture, None
        self._refreshed()
        return picture


class Mjpeg(Response):
    """Sends pictures until the client leaves, the session ends, or nothing is taken any more."""

    def __init__(self, app_state: AppState, request: Request, session: str | None) -> None:
        super().__init__(
            media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}",
            headers={"cache-control": "no-store"},
        )
        # a length would promise an end
        del self.headers["content-length"]
        self._app_state = app_state
        self._address = address_of(request)
        self._client = request.client
        self._gate = gate_of(request)
        self._handle = app_state.registry.find(session) if session else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream."""
        registry, handle = self._app_state.registry, self._handle
        slot = Slot(lambda: handle.channel.refresh() if handle else registry.refresh(slot))
        with self._app_state.limiter.enter(self._address):
            if self._gate is not None:
                self._gate.admit("watch")
            if handle is None:
                await registry.follow(slot)
            else:
                handle.channel.join(slot)
            jobs = [
                asyncio.create_task(job)
                for job in (self._send(send, slot), _left(receive), self._app_state.closing.wait())
            ]
            try:
                await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for job in jobs:
                    job.cancel()
                await asyncio.gather(*jobs, return_exceptions=True)
                if handle is None:
                    registry.unfollow(slot)
                else:
                    handle.channel.leave(slot)

    async def _send(self, send: Send, slot: Slot) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        while (picture := await slot.take()) is not None:
            part = b"--%b\r\ncontent-type: image/jpeg\r\ncontent-length: %d\r\n\r\n%b\r\n" % (
                BOUNDARY,
                len(picture.whole),
                picture.whole,
            )
            try:
                async with asyncio.timeout(self._app_state.limits.stall_seconds):
                    await send({"type": "http.response.body", "body": part, "more_body": True})
            except TimeoutError:
                if self._client is not None:
                    self._app_state.abort((self._client.host, self._client.port))
                return
        await send({"type": "http.response.body", "body": b"--%b--\r\n" % BOUNDARY})


def mjpeg_routes(app_state: AppState) -> APIRouter:
    """The route /stream.mjpg."""
    router = APIRouter()

    @router.get("/stream.mjpg", tags=["pictures"], response_class=Response)
    async def stream(request: Request, session: str | None = None) -> Response:
        """Motion JPEG of a session, by default of whatever is performed; it never ends."""
        return Mjpeg(app_state, request, session)

    return router


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
