"""Who may talk to this server: its own page, and who has the token."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import MutableHeaders, QueryParams
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phosphene.errors import ConfigError
from phosphene.server.headers import security_headers
from phosphene.server.refusal import Refusal

PAGES = ("/", "/view")
SAFE = ("GET", "HEAD", "OPTIONS")
SHORTEST_TOKEN = 8
COOKIE_SECONDS = 30 * 24 * 3600


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def choose_token(host: str, given: str | None) -> str | None:
    """The token to demand: the one given, a new one for an open host, none for this machine only."""
    if given is not None:
        if len(given) < SHORTEST_TOKEN or not given.isascii() or not given.isprintable():
            raise ConfigError(
                f"--token must have {SHORTEST_TOKEN} or more plain characters; leave it out to get one made."
            )
        return given
    return None if is_loopback(host) else secrets.token_urlsafe(16)


@dataclass(frozen=True)
class Guard:
    """What a request must show."""

    token: str | None
    port: int
    names: frozenset[str] = field(default_factory=frozenset)
    """host names this server goes by, besides localhost and its own"""

    @property
    def cookie(self) -> str:
        """Cookies are shared between the ports of a host, so the name tells them apart."""
        return f"phosphene_{self.port}"

    def check(self, connection: HTTPConnection) -> None:
        """Raise :class:`Refusal` unless the request may pass."""
        host = connection.headers.get("host", "")
        if not self._known_host(_hostname(f"//{host}")):
            # a page that had its name point here would otherwise pass for our own
            raise Refusal(
                "host", "this server does not go by that name: start it with --allow-host.", 403
            )
        scope = connection.scope
        if scope["type"] == "websocket" or scope["method"] not in SAFE:
            origin = connection.headers.get("origin")
            if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
                raise Refusal("origin", "another site may not use this server.", 403)
        if self.token is not None and not self._has_token(connection, self.token):
            raise Refusal("forbidden", "open the link with the token that the server printed.", 401)

    def _known_host(self, name: str) -> bool:
        if name in self.names or name == "localhost":
            return True
        try:
            # no name, so nobody can have made it point here
            ipaddress.ip_address(name)
            return True
        except ValueError:
            own = socket.gethostname().lower()
            return name in (own, f"{own}.local", own.removesuffix(".local"))

    def _has_token(self, connection: HTTPConnection, token: str) -> bool:
        bearer = connection.headers.get("authorization", "").removeprefix("Bearer ")
        query = connection.query_params.get("token", "")
        cookie = connection.cookies.get(self.cookie, "")
        # every one is compared, so that the time does not tell which was near
        matches = [_same(given, token) for given in (bearer, query, cookie)]
        return any(matches)


class GuardMiddleware:
    """Turns away who may not pass, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or handshake."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        policy = security_headers(scope["path"], connection.headers.get("host", ""))

        async def send_guarded(message: Message) -> None:
            if message["type"].endswith("http.response.start"):
                MutableHeaders(scope=message).update(policy)
            await send(message)

        try:
            self._guard.check(connection)
        except Refusal as refusal:
            content = {"code": refusal.code, "message": str(refusal)}
            await JSONResponse(content, refusal.status)(scope, receive, send_guarded)
            return
        if self._is_link(scope, connection.query_params):
            await self._welcome(scope, connection.query_params)(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)

    def _is_link(self, scope: Scope, query: QueryParams) -> bool:
        with_token = self._guard.token is not None and "token" in query
        return with_token and scope["type"] == "http" and scope["path"] in PAGES

    def _welcome(self, scope: Scope, query: QueryParams) -> Response:
        """Keep the token in a cookie and take it out of the address."""
        rest = urlencode([(name, value) for name, value in query.multi_items() if name != "token"])
        response = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), 303)
        assert self._guard.token is not None
        response.set_cookie(
            self._guard.cookie,
            self._guard.token,
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="strict",
            secure=scope["scheme"] == "https",
        )
        return response


def _hostname(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())
