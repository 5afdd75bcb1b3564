"""Who is let in: names, origins, tokens, and what browsers are told."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message

import pytest
from websockets.exceptions import InvalidStatus

from phosphene.errors import ConfigError
from phosphene.server import pages
from phosphene.server.security import choose_token, is_loopback
from tests.server.client import Client
from tests.server.conftest import Served, serving

TOKEN = "a-long-and-secret-token"


class Stay(urllib.request.HTTPRedirectHandler):
    """Shows redirects instead of following them."""

    def redirect_request(self, *_: object) -> None:
        return None


def ask(served, path, method="GET", **headers) -> tuple[int, Message, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(served.http + path, method=method, headers=named)
    try:
        with urllib.request.build_opener(Stay).open(request) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


@pytest.fixture
def page(tmp_path, monkeypatch) -> None:
    """A page, whether or not the real one was built."""
    for name in ("index.html", "view.html"):
        (tmp_path / name).write_text(f"<title>{name}</title>")
    monkeypatch.setattr(pages, "PAGE", tmp_path)


@pytest.fixture
def guarded(base, config) -> Iterator[Served]:
    with serving(base, config, token=TOKEN, names=["show.example"]) as served:
        yield served


@pytest.mark.parametrize(
    "host", ["127.0.0.1:1", "localhost", "LOCALHOST:99", "[::1]:80", "10.1.2.3", "192.168.0.7:1"]
)
def test_names_it_goes_by(served, host) -> None:
    assert ask(served, "/api/health", host=host)[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "a b", "[::1"])
def test_a_name_that_was_made_to_point_here(served, host) -> None:
    status, _, body = ask(served, "/api/health", host=host)
    assert status in (400, 403)
    if status == 403:
        assert json.loads(body)["code"] == "host"


def test_a_name_that_is_allowed(guarded) -> None:
    headers = {"host": "show.example", "authorization": f"Bearer {TOKEN}"}
    assert ask(guarded, "/api/health", **headers)[0] == 200


def test_other_sites_may_not_post_or_connect(served) -> None:
    path = "/api/sessions/x/songs"
    host = f"127.0.0.1:{served.port}"
    assert ask(served, path, "POST", origin="http://evil.example")[0] == 403
    assert ask(served, path, "POST", origin="null")[0] == 403
    assert ask(served, path, "POST", origin=f"http://127.0.0.1:{served.port + 1}")[0] == 403
    assert ask(served, path, "POST", origin=f"http://{host}")[0] == 404
    assert ask(served, path, "POST")[0] == 404
    for origin in ("http://evil.example", "null", "http://localhost"):
        with pytest.raises(InvalidStatus) as caught:
            Client(f"ws://{host}/ws", origin=origin)
        assert caught.value.response.status_code == 403
        assert json.loads(caught.value.response.body)["code"] == "origin"
    with Client(f"ws://{host}/ws", origin=f"http://{host}") as client:
        client.until("hello")


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/view", "/stream.mjpg", "/api/health", "/api/state", "/api/schema", "/metrics"),
        *("/docs", "/openapi.json", "/assets/x.js", "/api/sessions/x/config.toml", "/nowhere"),
    ],
)
def test_nothing_without_the_token(guarded, path) -> None:
    for given in ("", "?token=", "?token=wrong", f"?token={TOKEN}x", "?token=%ff%00"):
        status, headers, body = ask(guarded, path + given)
        assert status == 401
        assert json.loads(body)["code"] == "forbidden"
        assert "set-cookie" not in headers


def test_no_socket_without_the_token(guarded) -> None:
    for query in ("", "?token=wrong", "?watch=latest"):
        with pytest.raises(InvalidStatus) as caught:
            guarded.socket(query)
        assert caught.value.response.status_code == 401
    with guarded.socket(f"?token={TOKEN}") as client:
        client.pictures(1)


def test_the_link_becomes_a_cookie(guarded, page) -> None:
    status, headers, _ = ask(guarded, f"/?token={TOKEN}&kiosk=1")
    assert (status, headers["location"]) == (303, "./?kiosk=1")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    pair = cookie.split(";")[0]
    assert ask(guarded, "/", cookie=pair)[0] == 200
    assert ask(guarded, "/api/state", cookie=pair)[0] == 200
    with guarded.socket(f"?watch=latest&token={TOKEN}"):
        pass
    assert ask(guarded, "/", cookie=pair[:-1])[0] == 401


def test_browsers_are_told_what_pages_may_do(served, page) -> None:
    _, headers, body = ask(served, "/")
    assert b"index.html" in body
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert f"ws://127.0.0.1:{served.port}" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    _, headers, body = ask(served, "/view")
    assert b"view.html" in body
    assert "frame-ancestors *" in headers["content-security-policy"]
    # also on what is refused
    assert "content-security-policy" in ask(served, "/", host="evil.example")[1]


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("192.168.1.2", False),
        ("example.com", False),
        ("localhost.example.com", False),
    ],
)
def test_an_open_host_demands_a_token(host, loopback) -> None:
    assert is_loopback(host) is loopback
    made = choose_token(host, None)
    assert (made is None) is loopback
    if made is not None:
        assert len(made) >= 20
        assert made != choose_token(host, None)
    assert choose_token(host, TOKEN) == TOKEN


@pytest.mark.parametrize("token", ["", "short", "ümläute-sind-nett", "line\nbreak-in-it"])
def test_weak_tokens(token) -> None:
    with pytest.raises(ConfigError, match="8 or more"):
        choose_token("127.0.0.1", token)
