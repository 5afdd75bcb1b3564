"""Pictures for others: NDI in another process, WHIP to a real peer, Spout and Syphon by their calls."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import types
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from phosphene.errors import InputError, MissingExtraError, OutputError
from phosphene.show.sinks.ndi import NdiSink
from phosphene.show.sinks.spout import GL_RGBA, SpoutSink
from phosphene.show.sinks.syphon import SyphonSink
from phosphene.show.sinks.whip import WhipSink

SIZE, RATE = (320, 180), Fraction(30)
NDI_RECEIVER = """
import json, sys, time
import numpy as np
from cyndilib.finder import Finder
from cyndilib.receiver import Receiver, ReceiveFrameType
from cyndilib.video_frame import VideoRecvFrame
from cyndilib.wrapper.ndi_recv import RecvColorFormat, RecvBandwidth
name, count = sys.argv[1], int(sys.argv[2])
finder = Finder()
finder.open()
end, found = time.monotonic() + 15, []
while time.monotonic() < end and not found:
    finder.wait_for_sources(0.5)
    found = [each for each in finder.get_source_names() if name in each]
receiver = Receiver(color_format=RecvColorFormat.RGBX_RGBA, bandwidth=RecvBandwidth.highest)
frame = VideoRecvFrame()
receiver.set_video_frame(frame)
receiver.set_source(finder.get_source(found[0]))
print("up", flush=True)
times, means, places = [], [], []
while len(times) < count and time.monotonic() < end + 10:
    if receiver.receive(ReceiveFrameType.recv_video, 200) & ReceiveFrameType.recv_video:
        data = np.empty(frame.get_buffer_size(), np.uint8)
        frame.fill_p_data(data)
        picture = data.reshape(frame.yres, frame.xres, 4)[..., :3]
        times.append(time.monotonic())
        means.append([float(x) for x in picture[::8, ::8].mean((0, 1))])
        places.append([int(x) for x in picture[frame.yres // 2, frame.xres // 4]])
print(json.dumps({"times": times, "means": means, "places": places,
                  "size": [frame.xres, frame.yres], "rate": float(frame.get_frame_rate())}))
"""


def picture(number: int, size=SIZE) -> np.ndarray:
    """Left half one colour, right half another; it changes slowly."""
    image = np.empty((size[1], size[0], 3), np.uint8)
    image[:, : size[0] // 2] = (200, 30 + number % 64, 60)
    image[:, size[0] // 2 :] = (20, 90, 220)
    return image


@pytest.fixture
def near(tmp_path, monkeypatch):
    """NDI that looks on this machine alone, without a service that announces."""
    told = {"ndi": {"networks": {"ips": "127.0.0.1,"}, "machinename": "here"}}
    (tmp_path / "ndi-config.v1.json").write_text(json.dumps(told))
    monkeypatch.setenv("NDI_CONFIG_DIR", str(tmp_path))


def test_ndi_to_another_process(near) -> None:
    name, count = f"phosphene test {os.getpid()}", 20
    sink = NdiSink(name, SIZE, RATE)
    sink.open()
    receiver = subprocess.Popen(
        [sys.executable, "-c", NDI_RECEIVER, name, str(count)], stdout=subprocess.PIPE, text=True
    )
    try:
        began, number = time.monotonic(), 0
        while receiver.poll() is None and time.monotonic() - began < 30:
            # of another size than what leaves
            sink.write(picture(number, (480, 270)), number)
            number += 1
            time.sleep(1 / 30)
    finally:
        receiver.kill()
        sink.close()
    told = json.loads(receiver.stdout.read().splitlines()[-1])
    receiver.stdout.close()
    assert len(told["times"]) == count and told["size"] == [320, 180] and told["rate"] == 30.0
    for red, green, blue in told["places"][1:]:
        # the codec's own loss
        assert abs(red - 200) < 8 and 22 <= green <= 102 and abs(blue - 60) < 8


class Whip:
    """A media server: takes an offer, answers with a peer of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.frames: list[np.ndarray] = []
        self.asked: list[tuple[str, str | None]] = []
        whip = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                whip.asked.append(("POST", self.headers.get("authorization")))
                if self.path != "/live":
                    self.send_error(404, "no such place")
                    return
                offer = self.rfile.read(int(self.headers["content-length"])).decode()
                answer = asyncio.run_coroutine_threadsafe(whip.answer(offer), whip.loop).result(10)
                self.send_response(201)
                self.send_header("location", "/live/1")
                self.end_headers()
                self.wfile.write(answer.encode())

            def do_DELETE(self) -> None:
                whip.asked.append(("DELETE", self.path))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/live"

    async def answer(self, offer: str) -> str:
        from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

        self.peer = peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))

        @peer.on("track")
        def track(track) -> None:
            self.task = asyncio.ensure_future(self.take(track))

        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return peer.localDescription.sdp

    async def take(self, track) -> None:
        while True:
            self.frames.append((await track.recv()).to_ndarray(format="rgb24"))

    def close(self) -> None:
        self.task.cancel()
        asyncio.run_coroutine_threadsafe(self.peer.close(), self.loop).result(5)
        self.server.shutdown()
        self.server.server_close()
        self.loop.call_soon_threadsafe(self.loop.stop)


def test_whip_to_a_peer() -> None:
    whip = Whip()
    sink = WhipSink(whip.url, "a secret", SIZE, RATE)
    assert "secret" not in sink.name and "/live" not in sink.name
    sink.open()
    try:
        end, number = time.monotonic() + 20, 0
        while len(whip.frames) < 10 and time.monotonic() < end:
            sink.write(picture(number), number)
            number += 1
            time.sleep(1 / 30)
    finally:
        sink.close()
    assert whip.asked == [("POST", "Bearer a secret"), ("DELETE", "/live/1")]
    last = whip.frames[-1]
    assert last.shape == (180, 320, 3)
    assert np.abs(last[90, 40].astype(int) - (200, 60, 60)).max() < 50
    assert np.abs(last[90, 280].astype(int) - (20, 90, 220)).max() < 30
    whip.close()


def test_whip_says_in_a_sentence_what_is_wrong() -> None:
    with pytest.raises(InputError, match="https://"):
        WhipSink("rtmp://x/y", None, SIZE, RATE)
    whip = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=whip.handle_request, daemon=True).start()
    for url, words in (
        (f"http://127.0.0.1:{whip.server_port}/", "refused with 501"),
        ("http://127.0.0.1:9/", "cannot be reached"),
    ):
        sink = WhipSink(url, None, SIZE, RATE)
        with pytest.raises(OutputError, match=words):
            sink.open()
        sink.close()
    whip.server_close()


class Calls(list):
    """An original stand-in: notes what is called on it."""

    def __getattr__(self, name: str):
        def call(*given, **more):
            self.append((name, given, more))
            return True

        return call


def test_spout_by_the_calls_of_its_library(monkeypatch) -> None:
    calls = Calls()
    with pytest.raises(MissingExtraError, match=r"\[spout\]"):
        SpoutSink("a show", SIZE, RATE)
    module = types.ModuleType("SpoutGL")
    module.__spec__ = types.SimpleNamespace()
    module.SpoutSender = lambda: calls
    monkeypatch.setitem(sys.modules, "SpoutGL", module)
    sink = SpoutSink("a show", SIZE, RATE)
    sink.open()
    sink.write(picture(0, (160, 90)), 0)
    sink.close()
    assert [name for name, *_ in calls] == [
        *("setSenderName", "sendImage", "setFrameSync", "releaseSender"),
    ]
    pixels, width, height, kind, inverted, buffer = calls[1][1]
    assert (width, height, kind, inverted, buffer) == (320, 180, GL_RGBA, False, 0)
    assert pixels.shape == (180, 320, 4) and tuple(pixels[90, 20]) == (200, 30, 60, 255)


def test_syphon_by_the_calls_of_its_library(monkeypatch) -> None:
    calls = Calls()
    with pytest.raises(MissingExtraError, match=r"\[syphon\]"):
        SyphonSink("a show", SIZE, RATE)
    parts = ("syphon", "syphon.utils", "syphon.utils.numpy", "syphon.utils.raw")
    modules = {name: types.ModuleType(name) for name in parts}
    modules["syphon"].__spec__ = types.SimpleNamespace()
    calls_of = types.SimpleNamespace(
        device="metal", publish_frame_texture=calls.publish_frame_texture, stop=calls.stop
    )
    modules["syphon"].SyphonMetalServer = lambda name: calls_of
    modules["syphon.utils.raw"].create_mtl_texture = lambda device, w, h: (device, w, h)
    modules["syphon.utils.numpy"].copy_image_to_mtl_texture = calls.copied
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    sink = SyphonSink("a show", SIZE, RATE)
    sink.open()
    sink.write(picture(0), 0)
    sink.close()
    (_, (pixels, texture), _), (_, _, how), (last, _, _) = calls
    assert texture == ("metal", 320, 180) and tuple(pixels[90, 20]) == (200, 30, 60, 255)
    assert how == {"is_flipped": True} and last == "stop"
