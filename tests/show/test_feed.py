"""Pictures that the server fetches itself: a real stream, a real NDI sender, and what is wrong said once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from fractions import Fraction

import av
import numpy as np
import pytest

from phosphene.errors import InputError
from phosphene.show.live.pictures import as_frame
from phosphene.show.sinks.ndi import NdiSink
from phosphene.show.sources.feed import Feed, check_address
from phosphene.video.fetch import fit
from tests.server.conftest import base, config, serving  # noqa: F401 (fixtures)
from tests.show.test_stage_sinks import near  # noqa: F401 (fixture)

SIZE = (96, 64)
STREAM = """
import sys, time
import av, numpy as np
out = av.open(sys.argv[1], "w", format="mpegts")
stream = out.add_stream("libx264", 30, options={"preset": "ultrafast", "tune": "zerolatency", "g": "10"})
stream.width, stream.height, stream.pix_fmt = 192, 128, "yuv420p"
image = np.zeros((128, 192, 3), np.uint8)
image[:, :96] = 220, 40, 40
image[:, 96:] = 40, 40, 220
while True:
    out.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
    time.sleep(1 / 30)
"""


@pytest.fixture
def stream():
    """A stream over UDP that another process sends."""
    address = f"udp://127.0.0.1:{20000 + os.getpid() % 20000}"
    process = subprocess.Popen([sys.executable, "-c", STREAM, f"{address}?pkt_size=1316"])
    yield address
    process.kill()
    process.wait()


def until(found: list, count: int, seconds=25.0) -> None:
    end = time.monotonic() + seconds
    while len(found) < count:
        assert time.monotonic() < end, f"{len(found)} pictures came"
        time.sleep(0.05)


def test_a_stream_comes_as_arrays_and_is_fetched_for_nobody(stream) -> None:
    feed, found = Feed(stream, SIZE, 30.0), []
    try:
        assert feed._process is None
        unplug = feed.plug(lambda image, at: found.append((image, at)))
        until(found, 8)
        image, at = found[-1]
        assert image.shape == (64, 96, 3) and image.dtype == np.uint8
        assert 0 <= time.monotonic() - at < 5
        assert image[32, 20, 0] > 180 > 80 > image[32, 20, 2] and image[32, 75, 2] > 180
        unplug()
        time.sleep(0.3)
        count = len(found)
        time.sleep(0.5)
        assert len(found) == count
        # and again for the next
        feed.plug(lambda image, at: found.append((image, at)))
        until(found, count + 3)
    finally:
        feed.close()


def test_a_session_paints_over_it(base, config, stream) -> None:  # noqa: F811
    feed = Feed(stream, SIZE, 30.0)
    with serving(base, config, feed=feed) as served, served.socket() as page:
        assert page.until("hello")["sources"]["pictures"] == "udp://127.0.0.1"
        page.send(type="source", hear="nothing", see=True, see_from="server", id=1)
        assert page.until("source", id=1)["see_from"] == "server"
        stats = page.until("stats")
        end = time.monotonic() + 25
        while not stats["intake_ms"]:
            assert time.monotonic() < end
            stats = page.until("stats")
        page.send(type="source", hear="nothing", see=False, id=2)
        page.until("source", id=2)
        assert not feed._takers
    with serving(base, config) as served, served.socket() as page:
        page.send(type="source", hear="nothing", see=True, see_from="server", id=1)
        assert "--see" in page.until("error", id=1)["message"]


def test_ndi_in(near) -> None:  # noqa: F811
    name = f"phosphene feed {os.getpid()}"
    sink = NdiSink(name, (192, 128), Fraction(30))
    sink.open()
    feed, found = Feed(f"ndi:{name}", SIZE, 30.0), []
    image = np.full((128, 192, 3), (220, 120, 20), np.uint8)
    try:
        feed.plug(lambda image, at: found.append(image))
        end = time.monotonic() + 25
        while len(found) < 5 and time.monotonic() < end:
            sink.write(image, 0)
            time.sleep(1 / 30)
        assert len(found) >= 5
        assert np.abs(found[-1].astype(int) - (220, 120, 20)).max() < 10
    finally:
        feed.close()
        sink.close()


def test_what_cannot_be_opened_is_said_once_and_tried_again(monkeypatch, caplog) -> None:
    monkeypatch.setattr("phosphene.show.sources.feed.RETRY_SECONDS", 0.1)
    feed = Feed("rtsp://user:secret@127.0.0.1:9/live", SIZE, 30.0)
    try:
        feed.plug(lambda *_: None)
        end = time.monotonic() + 20
        while not caplog.records and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(1.5)
    finally:
        feed.close()
    (record,) = [each for each in caplog.records if "feed" in each.name]
    said = record.getMessage()
    assert "rtsp://127.0.0.1: cannot be opened" in said and "trying again" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    "address", ["", "file:///etc/passwd", "/tmp/a.mp4", "concat:a|b", "ftp://x/y"]
)
def test_other_places_are_refused(address) -> None:
    with pytest.raises(InputError, match="--see does not know"):
        check_address(address)


def test_pictures_fill_their_size() -> None:
    image = np.zeros((100, 300, 3), np.uint8)
    image[:, 100:200] = 255
    assert fit(av.VideoFrame.from_ndarray(image, "rgb24"), (50, 50)).mean() > 240
    assert as_frame(image, (50, 50)).mean() > 240
