"""What tests and benchmarks of the page share: the browser, the server, and eyes on the page."""

from __future__ import annotations

import base64
import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--use-fake-device-for-media-stream=fps=30", "--use-fake-ui-for-media-stream"),
    "--auto-select-tab-capture-source-by-title=phosphene",
    "--autoplay-policy=no-user-gesture-required",
]
# keeps every websocket, so that tests can cut them and refuse new ones, counts what is sent by kind
# (1 picture, 2 sound), keeps every picture that is shown and every device's stream, and listens at the
# loudspeaker
WATCH = """
const Native = WebSocket;
window.sockets = [];
window.sent = { 1: 0, 2: 0 };
window.cutLine = false;
window.WebSocket = class extends Native {
  constructor(address) {
    super(address);
    window.sockets.push(this);
    if (window.cutLine) this.close();
  }
  send(data) {
    if (data instanceof ArrayBuffer) window.sent[new DataView(data).getUint8(1)]++;
    super.send(data);
  }
};
window.shown = [];
addEventListener('phosphene-shown', ({ detail }) => window.shown.push(detail), true);
window.streams = [];
const devices = navigator.mediaDevices;
if (devices) {
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    window.streams.push(stream);
    return stream;
  };
}
window.awake = 0;
if (navigator.wakeLock) {
  const lock = navigator.wakeLock.request.bind(navigator.wakeLock);
  navigator.wakeLock.request = (kind) => {
    window.awake++;
    return lock(kind);
  };
}
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...more) {
  if (to instanceof AudioDestinationNode && this instanceof GainNode) {
    window.room = new AnalyserNode(to.context, { fftSize: 8192 });
    connect.call(this, window.room);
  }
  return connect.call(this, to, ...more);
};
window.loudness = () => {
  const wave = new Float32Array(window.room.fftSize);
  window.room.getFloatTimeDomainData(wave);
  return Math.max(...wave.map(Math.abs));
};
"""
# controllers that are not there: `midi.send(index, bytes)`; `told` is what they are sent, `refuse` says no
FAKE_MIDI = """
window.midi = { inputs: new Map(), outputs: new Map(), told: [], refuse: false, access: null };
midi.plug = (name) => {
  const index = midi.inputs.size;
  midi.inputs.set(`${index}`, { name, state: 'connected', onmidimessage: null });
  const send = (bytes) => midi.told.push([index, ...bytes]);
  midi.outputs.set(`${index}`, { name, state: 'connected', send });
  midi.access?.onstatechange?.({});
};
midi.send = (index, ...bytes) =>
  midi.inputs.get(`${index}`).onmidimessage?.({ data: Uint8Array.from(bytes) });
navigator.requestMIDIAccess = async () => {
  if (midi.refuse) throw new DOMException('no', 'NotAllowedError');
  midi.access = { inputs: midi.inputs, outputs: midi.outputs, onstatechange: null };
  return midi.access;
};
"""
# drop files on the page as a hand does: `drop([[name, type, base64], ...])`
DROP = """(files) => {
  const carried = new DataTransfer();
  for (const [name, type, text] of files) {
    const bytes = Uint8Array.from(atob(text), (ch) => ch.charCodeAt(0));
    carried.items.add(new File([bytes], name, { type }));
  }
  for (const kind of ['dragover', 'drop'])
    window.dispatchEvent(new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""
# the picture on show, as the mean of 8 x 8 fields
GLANCE = """() => {
  const small = new OffscreenCanvas(8, 8);
  const context = small.getContext('2d');
  context.drawImage(document.querySelector('#stage'), 0, 0, 8, 8);
  return [...context.getImageData(0, 0, 8, 8).data];
}"""


@dataclass
class Server:
    """`phosphene live` as a process of its own."""

    url: str
    process: subprocess.Popen[str]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()


@dataclass
class Visit:
    """A page, and what went wrong in it."""

    page: Page
    problems: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def count(self) -> int:
        """Pictures shown so far."""
        return int(self.page.evaluate("shown.length"))

    def wait_for_pictures(self, more: int) -> None:
        """Wait until so many more pictures were shown."""
        self.page.wait_for_function("n => shown.length >= n", arg=self.count() + more)

    def until(self, true: Callable[[], bool], pictures: int = 600) -> None:
        """Look once a picture until it is true; fail after so many pictures."""
        for _ in range(pictures):
            if true():
                return
            self.wait_for_pictures(1)
        raise AssertionError(f"not true within {pictures} pictures")

    def session(self, url: str) -> dict[str, Any]:
        """What the server says about this page's session; empty when it has none."""
        wanted = json.loads(self.page.evaluate("sessionStorage['phosphene.session']"))
        with urllib.request.urlopen(f"{url}api/state") as answer:
            sessions = json.load(answer)["sessions"]
        return next((session for session in sessions if session["id"] == wanted), {})

    def config(self, url: str) -> str:
        """The settings in force, as TOML."""
        session = self.session(url)["id"]
        with urllib.request.urlopen(f"{url}api/sessions/{session}/config.toml") as answer:
            return str(answer.read().decode())

    def drop(self, *files: Path) -> None:
        """Drop files on the page."""
        kinds = {".wav": "audio/wav", ".mp3": "audio/mpeg", ".webm": "video/webm"}
        carried = [
            [file.name, kinds.get(file.suffix, ""), base64.b64encode(file.read_bytes()).decode()]
            for file in files
        ]
        self.page.evaluate(DROP, carried)

    def play_song(self, song: Path) -> None:
        """Choose a song, and wait until it is known and plays in step."""
        self.page.set_input_files("input[aria-label='Song file']", song)
        expect(self.page.locator(".song-name")).to_have_text(song.stem)
        expect(self.page.locator(".song-state")).to_contain_text("beat")
        self.page.wait_for_function("() => !Number.isNaN(shown.at(-1).value)")

    def position(self) -> float:
        """Where the song or video is, as its strip says, seconds."""
        # it is not kept up to date while the controls have faded
        self.page.mouse.move(300, 300)
        self.page.mouse.move(310, 310)
        figure = self.page.locator(".song-head .figure")
        expect(figure).to_contain_text(" of ")
        minutes, seconds = figure.inner_text().split(" of ")[0].split(":")
        return 60 * int(minutes) + int(seconds)

    def glance(self) -> np.ndarray:
        """The picture on show, (8, 8, 3), 0..255."""
        return np.array(self.page.evaluate(GLANCE), float).reshape(8, 8, 4)[..., :3]

    def button(self, name: str) -> None:
        """Press a button as the keyboard does: the mouse may find the controls faded."""
        self.page.get_by_role("button", name=name, exact=True).press("Enter")


def start_server(port: int = 0, *options: str) -> Server:
    command = [sys.executable, "-m", "phosphene", "live", "--no-browser", "--port", str(port)]
    command += options
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if found := re.search(r"ready: (http\S+)", line):
            return Server(found[1], process)
    raise AssertionError("the server did not start:\n" + "".join(said))


def write_clicks(path: Path, seconds: int) -> Path:
    """Clicks at 120 a minute, the first at once."""
    rate = 22050
    times = np.arange(rate * seconds) / rate
    sound = np.exp(-60 * (times % 0.5)) * np.cos(2 * np.pi * 1000 * times)
    return _write_wav(path, 0.8 * sound, rate)


def write_song(path: Path, tempo: int, seconds: int) -> Path:
    """Four to the floor, a bass that changes with every bar, louder in its second half."""
    rate = 22050
    times = np.arange(rate * seconds) / rate
    beat = 60 / tempo
    since = times % beat
    first = (np.floor(times / beat) % 4 == 0) * 0.5 + 0.5
    sound = first * np.exp(-30 * since) * np.sin(2 * np.pi * 60 * since)
    snare = (np.floor(times / beat) % 2 == 1) * np.exp(-25 * since)
    sound += 0.4 * snare * np.random.default_rng(tempo).standard_normal(len(times))
    note = 55 * 2 ** (np.array([0, 5, 7, 3])[(times / beat / 4).astype(int) % 4] / 12)
    sound += 0.2 * np.sin(2 * np.pi * np.cumsum(note) / rate)
    sound *= np.where(times < seconds / 2, 0.3, 0.8) * 0.6
    return _write_wav(path, np.clip(sound, -1, 1), rate)


def _write_wav(path: Path, sound: np.ndarray, rate: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    return path
