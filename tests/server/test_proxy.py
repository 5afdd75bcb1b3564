"""Behind reverse proxies: other ports, no host, a path in front; and what HEAD gets."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from phosphene.server.limits import Limits
from tests.server.client import Client
from tests.server.conftest import Served, serving
from tests.server.test_security import TOKEN, ask, page  # noqa: F401

ROOMY = Limits(sessions=24, sockets=64, sockets_per_address=64)
POST = "/api/knock"


@pytest.fixture
def proxied(base, config) -> Iterator[Served]:
    with serving(base, config, ROOMY, names=["show.example"]) as served:
        yield served


def handshake(served: Served, **headers: str | None) -> bytes:
    """The first line of the answer to a handshake with exactly these headers."""
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    version = "1.1" if headers.get("host") is not None else "1.0"
    text = "\r\n".join(
        [
            f"GET /ws?watch=latest HTTP/{version}",
            *lines,
            "upgrade: websocket",
            "connection: upgrade",
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
            "sec-websocket-version: 13",
            "\r\n",
        ]
    )
    with socket.create_connection(("127.0.0.1", served.port), 10) as link:
        link.sendall(text.encode("latin-1"))
        return link.recv(1000).split(b"\r\n")[0]


@pytest.mark.parametrize(
    ("host", "forwarded", "origin"),
    [
        # the proxy listens on another port and says Host $host
        ("localhost", None, "http://localhost:8080"),
        ("192.168.1.7", None, "http://192.168.1.7:8443"),
        ("[::1]", None, "http://[::1]:8080"),
        # it says nothing of the kind, and the name is allowed
        ("127.0.0.1:8000", None, "https://show.example"),
        ("127.0.0.1:8000", None, "https://SHOW.example:8443"),
        ("show.example", None, "http://show.example:8080"),
        # it says so elsewhere
        ("127.0.0.1:8000", "localhost:8080", "http://localhost:8080"),
        ("127.0.0.1:8000", "localhost:8080, inner", "http://localhost:8080"),
    ],
)
def test_pages_of_ones_own(proxied, host, forwarded, origin) -> None:
    headers = {"host": host, "origin": origin}
    if forwarded:
        headers["x-forwarded-host"] = forwarded
    assert ask(proxied, POST, "POST", **headers)[0] == 204
    assert handshake(proxied, **headers).split()[1] == b"101"


@pytest.mark.parametrize(
    ("host", "forwarded", "origin"),
    [
        ("localhost", None, "http://evil.example"),
        ("localhost", None, "http://127.0.0.1:8080"),
        ("localhost:8000", None, "http://localhost:8080"),
        ("127.0.0.1:8000", "evil.example", "http://evil.example"),
        ("127.0.0.1:8000", None, "http://show.example.evil.example"),
        ("show.example", None, "null"),
        *(("localhost", None, text) for text in ("http://[", "http://]", "://", "", "http://a b")),
        *(("localhost", None, text) for text in ("http://[::1", "\xff", "http://localhost:x:y@z")),
    ],
)
def test_pages_of_others(proxied, host, forwarded, origin) -> None:
    headers = {"host": host, "origin": origin}
    if forwarded:
        headers["x-forwarded-host"] = forwarded
    status, _, body = ask(proxied, POST, "POST", **headers)
    assert status == 403
    assert json.loads(body)["code"] == "origin"
    assert "--allow-host" in json.loads(body)["message"]
    assert handshake(proxied, **headers).split()[1] == b"403"


def test_a_proxy_that_names_no_host(proxied) -> None:
    """As `proxy_set_header Host ""` does."""
    for origin, status in (("https://show.example", b"204"), ("http://evil.example", b"403")):
        with socket.create_connection(("127.0.0.1", proxied.port), 10) as link:
            link.sendall(f"POST {POST} HTTP/1.0\r\norigin: {origin}\r\n\r\n".encode())
            assert link.recv(1000).split()[1] == status


def test_a_nonsense_origin_is_refused_after_no_error_of_the_server(base, config, caplog) -> None:
    with serving(base, config, token=TOKEN) as served:
        assert handshake(served, host="localhost", origin="http://[").split()[1] == b"403"
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_the_refusal_is_logged(proxied, caplog) -> None:
    caplog.set_level("INFO")
    ask(proxied, POST, "POST", origin="http://evil.example")
    assert any("http://evil.example" in record.getMessage() for record in caplog.records)


def test_the_link_stays_under_its_path(base, config, page) -> None:  # noqa: F811
    with serving(base, config, token=TOKEN) as served:
        for path, target in (("/", "./"), ("/view", "view")):
            status, headers, _ = ask(served, f"{path}?token={TOKEN}&a=1")
            assert (status, headers["location"]) == (303, f"{target}?a=1")
            assert "path=" not in headers["set-cookie"].lower()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/view",
        "/api/health",
        "/api/schema",
        "/api/presets",
        "/metrics",
        "/docs",
        "/stream.mjpg",
    ],
)
def test_head_is_get_without_a_body(served, page, path) -> None:  # noqa: F811
    link = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    link.request("HEAD", path)
    answer = link.getresponse()
    assert answer.status == 200
    assert answer.getheader("content-type")
    if path == "/api/schema":
        assert int(answer.getheader("content-length", "0")) > 1000
    assert answer.read() == b""
    if path != "/stream.mjpg":
        # the connection serves on
        link.request("GET", "/api/health")
        assert link.getresponse().status == 200
    link.close()


CONFIG = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port};
    location /show/ {{
      proxy_pass http://127.0.0.1:{upstream}/;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      {host}
      proxy_buffering off;
    }}
  }}
  map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
}}
"""


@contextmanager
def nginx(folder: Path, upstream: int, host: str) -> Iterator[int]:
    """A real proxy that serves everything under /show/, from another port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, upstream=upstream, host=host))
    command = ["nginx", "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 10
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert time.monotonic() < end, (folder / "error.log").read_text()
                    time.sleep(0.05)
            yield port
        finally:
            process.terminate()


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
@pytest.mark.parametrize(
    ("host", "name", "works"),
    [
        ("proxy_set_header Host $host;", "localhost", True),
        ("proxy_set_header Host $http_host;", "localhost", True),
        ("", "show.example", True),
        ("proxy_set_header X-Forwarded-Host $http_host;", "localhost", True),
        ("", "other.example", False),
    ],
)
def test_behind_nginx(base, config, page, tmp_path, host, name, works) -> None:  # noqa: F811
    with (
        serving(base, config, ROOMY, token=TOKEN, names=["show.example"]) as served,
        nginx(tmp_path, served.port, host) as port,
    ):
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        link.request("GET", f"/show/?token={TOKEN}", headers={"host": f"{name}:{port}"})
        answer = link.getresponse()
        answer.read()
        assert (answer.status, answer.getheader("location")) == (303, "./")
        cookie = str(answer.getheader("set-cookie")).split(";")[0]
        url, origin = f"ws://{name}:{port}/show/ws", f"http://{name}:{port}"
        options = {
            "additional_headers": {"cookie": cookie},
            "origin": origin,
            # the name need not lead anywhere
            "sock": socket.create_connection(("127.0.0.1", port)),
        }
        if not works:
            with pytest.raises(InvalidStatus):
                Client(url, **options)
            return
        with Client(url, **options) as client:
            client.pictures(2)
