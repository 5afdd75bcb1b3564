"""The commands that draw, with the path of a checkpoint of every family."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from phosphene import cli
from phosphene.server import live as server
from phosphene.server import pages
from tests.server.client import Client, Picture

pytestmark = pytest.mark.usefixtures("offline")

FAMILIES = ["eps", "v", "turbo", "lcm", "xl", "xl-turbo", "xl-base"]
every_family = pytest.mark.parametrize("tree", FAMILIES)


def frames_of(video: Path) -> np.ndarray:
    with av.open(str(video)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Six frames of a square that moves."""
    path = tmp_path / "in.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for i in range(6):
            picture = np.full((64, 64, 3), 40, np.uint8)
            picture[16:48, 4 * i : 4 * i + 24] = (200, 80, 30)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@every_family
def test_render(trees: dict[str, Path], tree: str, wav: Any, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    arguments = ["render", str(wav), "-o", str(out), "--duration", "1", "--fps", "4"]
    assert cli.main([*arguments, "--model", str(trees[tree])]) == 0
    assert frames_of(out).shape == (4, 64, 64, 3)


@every_family
def test_dream(trees: dict[str, Path], tree: str, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    arguments = ["dream", "-o", str(out), "--seconds", "1", "--fps", "4"]
    assert cli.main([*arguments, "--model", str(trees[tree])]) == 0
    assert frames_of(out).shape == (4, 64, 64, 3)


@every_family
def test_transform(trees: dict[str, Path], tree: str, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    assert cli.main(["transform", str(clip), "-o", str(out), "--model", str(trees[tree])]) == 0
    drawn = frames_of(out)
    assert drawn.shape == (6, 64, 64, 3)
    assert np.abs(drawn.astype(int) - frames_of(clip)).mean() > 5


class Browser:
    """Looks at the page's socket for three pictures, then presses Ctrl-C."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self._thread = threading.Thread(target=self._look)
        self._address = ""

    def open(self, link: str) -> None:
        self._address = link.replace("http", "ws", 1) + "ws"
        self._thread.start()

    def close(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _look(self) -> None:
        try:
            with Client(self._address) as client:
                self.pictures = client.pictures(3)
        finally:
            os.kill(os.getpid(), signal.SIGINT)


@every_family
def test_live(
    trees: dict[str, Path], tree: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("index.html", "view.html"):
        (tmp_path / name).write_text("<title>phosphene</title>")
    monkeypatch.setattr(pages, "PAGE", tmp_path)
    browser = Browser()
    monkeypatch.setattr(server, "open_browser", browser.open)
    assert cli.main(["live", "--port", "0", "--model", str(trees[tree])]) == 0
    browser.close()
    assert all(picture.jpeg.startswith(b"\xff\xd8") for picture in browser.pictures)
    assert len(browser.pictures) == 3
