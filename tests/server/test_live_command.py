"""`phosphene live` as a stranger would start it; real processes."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from phosphene.cli import main
from phosphene.server import pages
from phosphene.show.score import read
from tests.server.client import Client

EXAMPLE = Path(__file__).parents[2] / "examples" / "live_client.py"
# a page that stands for the real one, which is built elsewhere
START = """
import sys
from pathlib import Path
from phosphene.server import pages
pages.PAGE = Path(sys.argv.pop(1))
from phosphene.cli import main
sys.exit(main())
"""


@pytest.fixture
def page(tmp_path) -> Path:
    folder = tmp_path / "page"
    folder.mkdir()
    for name in ("index.html", "view.html"):
        (folder / name).write_text("<title>phosphene</title>")
    return folder


def command(page: Path, *args: object) -> list[str]:
    return [sys.executable, "-c", START, str(page), "live", "--no-browser", *map(str, args)]


@contextmanager
def running(page: Path, *args: object, **options) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address, once it is ready."""
    process = subprocess.Popen(
        command(page, "--port", 0, *args),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready: http://"), process.communicate()[1]
        yield process, line.split()[1]
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def refused(page, monkeypatch, capsys) -> Callable[..., str]:
    """The one sentence of a refusal, which comes before anything is loaded."""

    def refuse(*args: object) -> str:
        monkeypatch.setattr(pages, "PAGE", page)
        monkeypatch.setattr(sys, "argv", ["phosphene", "live", "--no-browser", *map(str, args)])
        assert main() == 2
        out, log = capsys.readouterr()
        assert "Traceback" not in log
        assert "ready" not in out
        (line,) = [line for line in log.splitlines() if line.startswith("phosphene: ")]
        return line

    return refuse


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_starts_plays_and_ends_cleanly(page, how) -> None:
    with running(page, "--size", "64x64") as (process, address):
        socket_address = address.replace("http", "ws") + "ws"
        with Client(socket_address) as client:
            client.pictures(3)
            process.send_signal(how)
            bye, code = client.goodbye()
            assert (bye["code"], code) == ("stopped", 1001)
        _, log = process.communicate(timeout=60)
        assert process.returncode == (0 if how == signal.SIGINT else -how)
        assert "Traceback" not in log
        for word in ("loading lsd", "loaded lsd in", "warmed up in", "performs", "left session"):
            assert word in log


def test_the_example_runs(page, tmp_path) -> None:
    picture = tmp_path / "picture.jpg"
    with running(page, "--size", "96x96") as (_, address):
        result = subprocess.run(
            [sys.executable, EXAMPLE, address.replace("http", "ws") + "ws", picture],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert result.returncode == 0, result.stderr
    assert "60 pictures" in result.stdout
    assert "error" not in result.stdout
    assert picture.read_bytes().startswith(b"\xff\xd8")


def test_an_open_host_prints_a_link_with_a_token(page) -> None:
    with running(page, "--host", "0.0.0.0", "--size", "64x64") as (_, address):
        match = re.fullmatch(r"http://([0-9.]+):(\d+)/\?token=([\w-]{20,})", address)
        assert match is not None
        with Client(f"ws://127.0.0.1:{match[2]}/ws?token={match[3]}") as client:
            client.until("hello")


def test_what_is_recorded_is_there_after_ctrl_c(page, tmp_path) -> None:
    import av

    path = tmp_path / "show.mp4"
    with running(page, "--record", path, "--size", "128x64") as (process, address):
        with Client(address.replace("http", "ws") + "ws?watch=latest") as client:
            client.pictures(30)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 0
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) > 5
    assert (frames[0].width, frames[0].height) == (128, 64)


def test_a_show_is_written_down_and_the_next_one_beside_it(page, refused, tmp_path) -> None:
    path = tmp_path / "tonight.score"
    with running(page, "--size", "64x64", "--record", path) as (_, address):
        for number in range(2):
            with Client(address.replace("http", "ws") + "ws") as client:
                client.pictures(2)
                client.send(type="set", values={"camera.zoom": number + 1.0}, id=1)
                client.until("config")
                client.pictures(2)
        # killed, both are whole
    told = [read(path), read(tmp_path / "tonight-2.score")]
    assert [[c.set for c in each.changes if c.set] for each in told] == [
        [{"camera.zoom": 1.0}],
        [{"camera.zoom": 2.0}],
    ]
    assert "exists" in refused("--record", path)


def test_a_port_that_is_taken(refused) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert f"port {port}" in refused("--port", port)


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["--host", "no.such.host.invalid"], "no.such.host.invalid"),
        (["--host", "203.0.113.7"], "203.0.113.7"),
        (["--port", "99999"], "--port"),
        (["--max-sessions", "0"], "--max-sessions"),
        (["--token", "short"], "--token"),
        (["--record", "no/such/folder/show.mp4"], "no/such/folder"),
        (["--record-video", "--record", "show.mp4"], "--record FILE.score"),
        (["--rtmp", "example.com"], "rtmp://"),
        (["--fps", "500"], "fps"),
        (["--model", "sd51"], "did you mean 'sd15'"),
        (["--size", "huge"], "1280x720"),
    ],
)
def test_bad_settings(refused, args, word) -> None:
    assert word in refused(*args)


def test_a_page_that_was_not_built(page, refused) -> None:
    (page / "index.html").unlink()
    assert "make page" in refused()


def test_a_sound_card_that_is_not_there(refused) -> None:
    assert refused("--soundcard", "no such device").startswith("phosphene: the sound card")


@pytest.mark.skipif(not hasattr(os, "setsid"), reason="needs a terminal's process group")
def test_ctrl_c_while_the_model_loads(page) -> None:
    process = subprocess.Popen(command(page, "--port", 0), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=60)
    assert process.returncode in (0, 130)
    assert "Traceback" not in log
