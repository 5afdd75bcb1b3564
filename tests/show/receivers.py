"""What takes pictures and sound on this machine: a media server for WHIP, and NDI that stays at home."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest


@pytest.fixture
def near(tmp_path, monkeypatch):
    """NDI that looks on this machine alone, without a service that announces."""
    told = {"ndi": {"networks": {"ips": "127.0.0.1,"}, "machinename": "here"}}
    (tmp_path / "ndi-config.v1.json").write_text(json.dumps(told))
    monkeypatch.setenv("NDI_CONFIG_DIR", str(tmp_path))


class Whip:
    """A media server: takes an offer, answers with a peer of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.came: list[tuple[float, np.ndarray]] = []
        self.heard: list[tuple[float, np.ndarray]] = []
        self.tasks: list[asyncio.Future] = []
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
            take = self.take if track.kind == "video" else self.listen
            self.tasks.append(asyncio.ensure_future(take(track)))

        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return peer.localDescription.sdp

    async def take(self, track) -> None:
        while True:
            frame = await track.recv()
            self.came.append((time.monotonic(), frame.to_ndarray(format="rgb24")))

    async def listen(self, track) -> None:
        while True:
            frame = await track.recv()
            # packed: left and right in turn
            self.heard.append((time.monotonic(), frame.to_ndarray()[0]))

    @property
    def frames(self) -> list[np.ndarray]:
        return [frame for _, frame in self.came]

    def close(self) -> None:
        for task in self.tasks:
            self.loop.call_soon_threadsafe(task.cancel)
        asyncio.run_coroutine_threadsafe(self.peer.close(), self.loop).result(5)
        self.server.shutdown()
        self.server.server_close()
        self.loop.call_soon_threadsafe(self.loop.stop)
