"""Uvicorn's protocols, where they are too patient; and what stands before the application."""

from __future__ import annotations

import logging
from typing import Any

from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from phosphene.server.budget import Metered
from phosphene.server.gate import STATE, Gate, gate_of
from phosphene.server.limits import Limits

log = logging.getLogger(__name__)
INVALID_UTF8, POLICY = 1007, 1008
"""close codes"""
FAILED = "the server failed at this: its log says at what."


class Http(H11Protocol):
    """Tells the gate when an answer is complete, so that an idle connection is known as one."""

    def on_response_complete(self) -> None:
        """The connection waits for the next request."""
        gate: Gate | None = self.app_state.get(STATE)
        if gate is not None:
            gate.working(False)
        super().on_response_complete()


class Socket(WebSocketsSansIOProtocol):
    """Closes on what is no text, and on messages in more pieces than any client makes."""

    def handle_cont(self, event: Frame) -> None:
        """One more piece of a message."""
        if len(self.frames) >= Limits.fragments:
            self._end(POLICY, "too many fragments")
            return
        super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """The message is complete."""
        if self.curr_msg_data_type == "text":
            try:
                str(b"".join(self.frames), "utf-8")
            except UnicodeDecodeError:
                self.frames = []
                self._end(INVALID_UTF8, "text must be UTF-8")
                return
        super().send_receive_event_to_app()

    def _end(self, code: int, reason: str) -> None:
        if self.close_sent:
            return
        log.info("closed the socket of %s: %s", self.client[0] if self.client else "?", reason)
        self.conn.fail(code, reason)
        self.handle_parser_exception()


class Keeper:
    """Stands before the application: everybody waits for their turn, and no error leaves it.

    HEAD is answered as GET is, without the body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or handshake."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        gate = gate_of(HTTPConnection(scope))
        if gate is None:
            await self._answer(scope, receive, send)
            return
        gate.working(True)
        await gate.account.turn(lambda: gate.gone)
        if gate.gone:
            # it did not wait for its turn
            return
        await Metered(self._answer(scope, receive, send), gate.charge)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False
        head = scope.get("method") == "HEAD"

        async def send_on(message: Message) -> None:
            nonlocal begun
            started, begun = begun, True
            if not head:
                await send(message)
            elif not started:
                await send(message)
                await send({"type": "http.response.body", "body": b""})

        asked = {**scope, "method": "GET"} if head else scope
        try:
            await self._app(asked, receive, send_on)
        except ClientDisconnect:
            log.info("%s left in the middle of %s", _client(scope), _what(scope))
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            log.error("%s by %s failed: %s", _what(scope), _client(scope), reason)
            log.debug("because of", exc_info=error)
            await _excuse(scope, begun, receive, send)


async def _excuse(scope: Scope, begun: bool, receive: Receive, send: Send) -> None:
    content = {"code": "failed", "message": FAILED}
    try:
        if not begun:
            await JSONResponse(content, 500)(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1011, "reason": "failed"})
    except Exception as error:
        # it is gone
        log.debug("nobody hears it", exc_info=error)


def _client(scope: Scope) -> str:
    return str((scope.get("client") or ("?",))[0])


def _what(scope: Scope) -> Any:
    return f"{scope.get('method', 'WS')} {scope['path'][:100]!r}"
