"""Motion JPEG, as OBS, ffmpeg or an <img> read it."""

from __future__ import annotations

import io
import socket
import threading
import time

import av
from PIL import Image

from phosphene.server.limits import Limits
from tests.server.conftest import SIDE, serving


def part(stream: io.BufferedReader) -> bytes:
    """The next picture of a multipart stream."""
    while stream.readline().strip() != b"--phosphene":
        pass
    headers = {}
    while line := stream.readline().strip():
        name, _, value = line.partition(b": ")
        headers[name.lower()] = value
    assert headers[b"content-type"] == b"image/jpeg"
    return stream.read(int(headers[b"content-length"]))


def open_stream(port: int, query: str = "") -> tuple[socket.socket, io.BufferedReader]:
    link = socket.create_connection(("127.0.0.1", port), timeout=60)
    link.sendall(f"GET /stream.mjpg{query} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
    stream = link.makefile("rb")
    assert b"200" in stream.readline()
    return link, stream


def until(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def test_the_house_plays_while_nobody_performs(served) -> None:
    link, stream = open_stream(served.port)
    with link:
        for _ in range(3):
            assert Image.open(io.BytesIO(part(stream))).size == (SIDE, SIDE)
        assert served.app_state.registry.house is not None
        stream.close()
    until(lambda: served.app_state.registry.house.channel.consumers == 0)


def test_a_session_of_its_own_ends_with_it(base, config) -> None:
    with serving(base, config, Limits(grace_seconds=0.1)) as served:
        with served.socket() as performer:
            performer.until("hello")
            link, stream = open_stream(served.port, f"?session={performer.session}")
            part(stream)
            assert served.app_state.registry.house is None
        with link:
            assert stream.read().rstrip().endswith(b"0")


def test_ffmpeg_reads_it(served) -> None:
    address = f"http://127.0.0.1:{served.port}/stream.mjpg"
    with av.open(address, format="mpjpeg", timeout=60) as container:
        frames = container.decode(video=0)
        assert [(next(frames).width, next(frames).height) for _ in range(3)] == [(SIDE, SIDE)] * 3


def test_who_takes_nothing_is_dropped_and_holds_up_nobody(base, config) -> None:
    config.inference.width = config.inference.height = 256
    config.live.jpeg_quality = 100
    with (
        serving(base, config, Limits(stall_seconds=1.0)) as served,
        served.socket("?watch=latest") as good,
    ):
        link = socket.socket()
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with link:
            link.connect(("127.0.0.1", served.port))
            link.sendall(b"GET /stream.mjpg HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            good.pictures(1)
            until(lambda: served.app_state.registry.house.channel.consumers == 2)
            # what it does not take fills the buffers of both sides first
            for _ in range(2000):
                good.pictures(1)
                if served.app_state.registry.house.channel.consumers == 1:
                    break
            assert served.app_state.registry.house.channel.consumers == 1
        good.pictures(5)


def test_stopping_ends_the_stream(base, config) -> None:
    with serving(base, config) as served:
        link, stream = open_stream(served.port)
        part(stream)
    with link:
        stream.read()
