"""Who may talk to this server: its own page, and who has the token."""

from __future__ import annotations

import hmac
import ipaddress
import logging
import re
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import MutableHeaders, QueryParams
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phosphene.errors import ConfigError
from phosphene.server.refusal import Refusal

PAGES = {"/": "./", "/view": "view"}
"""pages that take the token, and how a page beside them is told to load them: a proxy may have put all of
this under a path, of which the server knows nothing"""
PLAIN_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]+")
STANDARD_PORTS = (80, 443)
log = logging.getLogger(__name__)
SAFE = ("GET", "HEAD", "OPTIONS")
SHORTEST_TOKEN = 8
COOKIE_SECONDS = 30 * 24 * 3600
PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; manifest-src 'self';"
    " img-src 'self' blob: data:; media-src 'self' blob: data:; worker-src 'self' blob:;"
    # some browsers do not count a websocket as 'self'
    " connect-src 'self' {sockets} blob:; base-uri 'none'; form-action 'none';"
    " frame-ancestors {ancestors}"
)
DOCUMENT = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


def security_headers(path: str, host: str) -> dict[str, str]:
    """For the answer to ``path``; ``host`` is what the browser calls this server, if known."""
    sockets = f"ws://{host} wss://{host}" if host else ""
    embeddable = path == "/view"
    policy = (
        DOCUMENT
        if path == "/docs"
        else PAGE.format(sockets=sockets, ancestors="*" if embeddable else "'none'")
    )
    return {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "cross-origin" if embeddable else "same-origin",
        "permissions-policy": "camera=(self), microphone=(self), display-capture=(self), midi=(self)",
    }


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


def named(host: str) -> str:
    """A host name as it is compared: without a port, lower case."""
    return _hostname(f"//{host}") or host.lower()


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
        host = connection.headers.get("host")
        # browsers always name a host; a proxy that leaves it out cannot have been fooled by a name
        if host is not None and not self._known_host(_hostname(f"//{host}")):
            # a page that had its name point here would otherwise pass for our own
            raise Refusal(
                "host",
                f"this server does not go by the name '{_plain(host)}': start it with --allow-host.",
                403,
            )
        hosts = [host] if host is not None else []
        forwarded = forwarded_host(connection)
        if self._known_host(_hostname(f"//{forwarded}")):
            hosts.append(forwarded)
        scope = connection.scope
        if scope["type"] == "websocket" or scope["method"] not in SAFE:
            origin = connection.headers.get("origin")
            if origin is not None and not self._own_origin(origin, hosts):
                raise Refusal(
                    "origin",
                    f"another site, '{_plain(origin)}', may not use this server: start it with"
                    " --allow-host if it is yours.",
                    403,
                )
        if self.token is not None and not self._has_token(connection, self.token):
            raise Refusal("forbidden", "open the link with the token that the server printed.", 401)

    def _own_origin(self, origin: str, hosts: Sequence[str]) -> bool:
        """Whether a page of ``origin`` is this server's, as far as the proxies before it tell."""
        name, place = _hostname(origin), _netloc(origin)
        if not name:
            return False
        if name in self.names or place in (host.lower() for host in hosts):
            return True
        if not hosts:
            return name == "localhost" or is_loopback(name) or name in _own_names()
        # who listens on another port than 80 and is asked without one is behind a proxy that took
        # the port away: what is left to compare are the names
        bare = [_hostname(f"//{host}") for host in hosts if host.lower() == _bare(host)]
        return self.port not in STANDARD_PORTS and name in bare

    def _known_host(self, name: str) -> bool:
        if name in self.names or name == "localhost":
            return True
        try:
            # no name, so nobody can have made it point here
            ipaddress.ip_address(name)
            return True
        except ValueError:
            return name in _own_names()

    def _has_token(self, connection: HTTPConnection, token: str) -> bool:
        bearer = connection.headers.get("authorization", "").removeprefix("Bearer ")
        query = connection.query_params.get("token", "")
        cookie = connection.cookies.get(self.cookie, "")
        # every one is compared, so that the time does not tell which was near
        matches = [_same(given, token) for given in (bearer, query, cookie)]
        return any(matches)


def forwarded_host(connection: HTTPConnection) -> str:
    """What the first of the proxies was called; a page cannot say this for another site."""
    return connection.headers.get("x-forwarded-host", "").partition(",")[0].strip()


def seen_as(connection: HTTPConnection) -> str:
    """Host and port by which the browser knows this server, fit for a header; empty if unknown."""
    host = forwarded_host(connection) or connection.headers.get("host", "")
    return host if PLAIN_HOST.fullmatch(host) else ""


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
        policy = security_headers(scope["path"], seen_as(connection))

        async def send_guarded(message: Message) -> None:
            if message["type"].endswith("http.response.start"):
                MutableHeaders(scope=message).update(policy)
            await send(message)

        try:
            self._guard.check(connection)
        except Refusal as refusal:
            log.info("turned %s away: %s", _client(scope), refusal)
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
        response = RedirectResponse(PAGES[scope["path"]] + (f"?{rest}" if rest else ""), 303)
        assert self._guard.token is not None
        response.set_cookie(
            self._guard.cookie,
            self._guard.token,
            max_age=COOKIE_SECONDS,
            # the page's own: what else a proxy serves need not see it
            path=None,
            httponly=True,
            samesite="strict",
            secure=scope["scheme"] == "https",
        )
        return response


@cache
def _own_names() -> frozenset[str]:
    own = socket.gethostname().lower()
    return frozenset((own, f"{own}.local", own.removesuffix(".local")))


def _hostname(url: str) -> str:
    """The name in ``url``, lower case; empty where it makes no sense."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _netloc(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def _bare(host: str) -> str:
    """``host`` without its port, as it would be written."""
    name = _hostname(f"//{host}")
    return f"[{name}]" if ":" in name else name


def _client(scope: Scope) -> str:
    return str((scope.get("client") or ("?",))[0])


def _plain(text: str) -> str:
    """What a stranger sent, fit for a sentence and a log."""
    return ascii(text[:80])[1:-1]


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())
