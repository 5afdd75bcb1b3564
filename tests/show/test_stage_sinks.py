"""Pictures for others: NDI in another process, WHIP to a real peer, Spout and Syphon by their calls."""

from __future__ import annotations

import itertools
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

from phosphene.config import PipelineConfig
from phosphene.errors import InputError, MissingExtraError, OutputError
from phosphene.show.display import Path
from phosphene.show.sinks.choose import ExitOptions, choose_exits
from phosphene.show.sinks.clocked import ClockedExit
from phosphene.show.sinks.ndi import NdiSink
from phosphene.show.sinks.spout import GL_RGBA, SpoutSink
from phosphene.show.sinks.syphon import SyphonSink
from phosphene.show.sinks.whip import WhipSink
from tests.show.receivers import Whip, near  # noqa: F401 (fixture)

SIZE, RATE = (320, 180), Fraction(30)
NDI_RECEIVER = """
import json, sys, time
import numpy as np
from phosphene.video.fetch import ndi_frames
name, count = sys.argv[1], int(sys.argv[2])
times, bars, places = [], [], []
with ndi_frames(name) as (look, frame):
    end = time.monotonic() + 25
    while len(times) < count and time.monotonic() < end:
        if not look():
            time.sleep(0.002)
            continue
        picture = np.array(frame, np.uint8).reshape(frame.yres, -1, 4)[:, :frame.xres]
        times.append(time.monotonic())
        bars.append([int(x) for x in picture[frame.yres // 2, 80 :: frame.xres // 8, 1]])
        places.append([int(x) for x in picture[frame.yres // 2, frame.xres // 4, :3]])
print(json.dumps({"times": times, "bars": bars, "places": places,
                  "size": [frame.xres, frame.yres], "rate": float(frame.get_frame_rate())}))
"""


def picture(number: int, size=SIZE) -> np.ndarray:
    """Left half one colour, right half another; it changes slowly."""
    image = np.empty((size[1], size[0], 3), np.uint8)
    image[:, : size[0] // 2] = (200, 30 + number % 64, 60)
    image[:, size[0] // 2 :] = (20, 90, 220)
    return image


def test_ndi_to_another_process(near) -> None:  # noqa: F811
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


def numbered(number: int) -> np.ndarray:
    """A number as eight bars, black and white."""
    bits = np.unpackbits(np.array([number], np.uint8))
    return np.repeat(np.repeat(bits * 255, 160)[None, :, None], 720, 0).repeat(3, 2)


def test_an_exit_is_seen_at_its_rate_whatever_the_model_manages(near) -> None:  # noqa: F811
    """1280x720 through NDI: late pictures are repeated, and after a pause the newest is seen at once."""
    name = f"phosphene rate {os.getpid()}"
    way_out = ClockedExit(NdiSink(name, (1280, 720), RATE), RATE)
    receiver = subprocess.Popen(
        [sys.executable, "-c", NDI_RECEIVER, name, "360"], stdout=subprocess.PIPE, text=True
    )
    offered: dict[int, float] = {}
    way_out.start()
    try:
        number, began = 0, time.monotonic()
        while receiver.poll() is None and time.monotonic() - began < 40:
            number += 1
            # no beat, no way of the camera: what is between two keys is the last one
            shown = types.SimpleNamespace(
                image=numbered(number % 256), sequence=number, size=None, tempo=0.0, strobes=True
            )
            way_out.offer(types.SimpleNamespace(shown=shown, path=Path()))
            offered[number % 256] = time.monotonic()
            # eight a second, a long pause after every tenth
            time.sleep(0.7 if number % 10 == 0 else 0.125)
    finally:
        receiver.kill()
        way_out.close()
    told = json.loads(receiver.stdout.read().splitlines()[-1])
    receiver.stdout.close()
    assert told["size"] == [1280, 720] and told["rate"] == 30.0
    times = np.array(told["times"])
    # in the best three seconds of a busy machine
    counts = [
        np.searchsorted(times, at + 3) - n for n, at in enumerate(times[times < times[-1] - 3])
    ]
    rate = max(counts) / 3
    print(f"NDI 1280x720: {rate:.1f} a second; all {len(times) / (times[-1] - times[0]):.1f}")
    assert 29 <= rate <= 31.5
    bits = np.array(told["bars"])[:, :8] > 127
    seen = [int(n) for n in np.packbits(bits, axis=1)[:, 0]]
    first = dict(reversed(list(zip(seen, times, strict=True))))
    # in order, none twice but in turn; nothing waits in a line
    assert len(list(itertools.groupby(seen))) == len(first)
    assert np.median([first[n] - offered[n] for n in list(first)[:-1]]) < 0.15


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


def test_what_is_not_installed_is_named_with_what_to_install(monkeypatch) -> None:
    for module, options, extra in (
        ("cyndilib", ExitOptions(ndi="a show"), "ndi"),
        ("aiortc", ExitOptions(whip="https://here.example/live"), "webrtc"),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(MissingExtraError, match=rf"phosphene\[{extra}\]"):
            choose_exits(options, PipelineConfig(), SIZE)
    with pytest.raises(InputError, match="--with-sound needs where to"):
        choose_exits(ExitOptions(with_sound=True), PipelineConfig(), SIZE)


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
