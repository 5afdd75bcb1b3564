"""A long show: sources and prompts change, attackers come and go beside it, and what it costs is drawn.

python benchmarks/soak.py [--minutes 30] [--out soak.png] [--size 256x256] [--attackers 2] [--nice 10]

One performer dreams, plays a song, speaks, shows pictures, in turns of 20 s with a prompt each; for half of
every turn attackers of benchmarks/attack.py do one of their things. Once a second: pictures that came, their
age where they are seen, and the server's memory, threads, open files and lines of log. OUT shows them over
time, and OUT.json holds them; the last line compares the second eighth of the show with the last one.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

if __package__ in (None, ""):
    # run as a script: its neighbours are found all the same
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.attack import HEADER, KINDS, Served, served
from phosphene.audio.compose import compose, write_wav

TURN_SECONDS = 20.0
SONG_SECONDS = 12.0
CHUNK = 960
RATE = 48_000
CAMERA_SECONDS = 1 / 15
PROMPTS = ("teal ocean", "crimson mandala", "neon city at night", "(frost:1.3) on glass", "desert")
ACTS = ("dream", "song", "sound", "see")


@dataclass
class Sample:
    """One second."""

    second: float
    act: str
    attack: str
    fps: float
    age_ms: float
    memory_mb: float
    threads: int
    files: int
    lines: int


@dataclass
class Performer:
    """Plays a show by the protocol, and remembers what it saw."""

    server: Served
    act: str = "dream"
    came: int = 0
    ages: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Perform until told to stop; who is thrown out comes again, and that is a failure."""
        while not self.stop.is_set():
            try:
                self._perform()
            except (OSError, ConnectionClosed, TimeoutError) as error:
                self.failures.append(f"{type(error).__name__}: {error}")

    def _perform(self) -> None:
        server, song = self.server, ""
        credits, played, shown, told = 0, 0, 0.0, 0.0
        begun, turn = "", itertools.count()
        noise = np.random.default_rng(1).standard_normal(RATE).astype(np.float32) * 0.1
        spoken = time.monotonic()
        with connect(f"ws://127.0.0.1:{server.port}/ws", max_size=None, compression=None) as link:

            def say(**message: Any) -> None:
                link.send(json.dumps(message))

            while not self.stop.is_set():
                now = time.monotonic()
                if begun != self.act and (self.act != "song" or song):
                    begun, credits = self.act, 0
                    hear = {"song": "song", "sound": "sound"}.get(begun, "nothing")
                    named = {"song": song} if begun == "song" else {}
                    say(type="source", hear=hear, see=begun == "see", **named)
                    prompt = PROMPTS[next(turn) % len(PROMPTS)]
                    say(type="set", values={"prompt.base_prompt": prompt})
                    spoken = played = now
                if now - told > 0.2:
                    told = now
                    place = {"position": (now - played) % SONG_SECONDS, "playing": True}
                    say(type="clock", t=now * 1e3, **(place if begun == "song" else {}))
                while begun == "sound" and spoken < now:
                    begin = int(spoken * RATE) % (RATE - CHUNK)
                    head = HEADER.pack(1, 2, 0, 0, spoken * 1e3, RATE)
                    link.send(head + noise[begin : begin + CHUNK].tobytes())
                    spoken += CHUNK / RATE
                if begun == "see" and credits and now - shown > CAMERA_SECONDS:
                    shown, credits = now, credits - 1
                    link.send(HEADER.pack(1, 1, 0, 0, now * 1e3, 0.0) + _picture(now))
                try:
                    message = link.recv(0.02)
                except TimeoutError:
                    continue
                if isinstance(message, bytes):
                    _, _, _, sequence, captured, _ = HEADER.unpack_from(message)
                    say(type="ack", sequence=sequence)
                    self.came += 1
                    if captured == captured:
                        self.ages.append(time.monotonic() * 1e3 - captured)
                    continue
                heard = json.loads(message)
                if heard["type"] == "hello":
                    song = _upload(server.port, heard["session"])
                if heard["type"] == "ready":
                    credits += heard["credits"]
                if heard["type"] in ("error", "bye"):
                    # a song is listened to for a moment before it can be played
                    if heard.get("code") == "song":
                        begun = ""
                        time.sleep(0.1)
                    else:
                        self.failures.append(heard["message"])


def _picture(now: float) -> bytes:
    y, x = np.mgrid[:120, :160]
    waves = [np.sin(x / 20 + now + k) * np.sin(y / 15 - now) for k in range(3)]
    out = io.BytesIO()
    Image.fromarray((127 + 120 * np.stack(waves, -1)).astype(np.uint8)).save(out, "JPEG")
    return out.getvalue()


def _upload(port: int, session: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "song.wav"
        write_wav(path, *compose(SONG_SECONDS))
        data = path.read_bytes()
    url = f"http://127.0.0.1:{port}/api/sessions/{session}/songs"
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=30) as answer:
        return str(json.load(answer)["id"])


class Attackers:
    """One kind at a time, in a process of its own."""

    def __init__(self, port: int, options: list[str]) -> None:
        self._port = port
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.kind = ""

    def turn(self, kind: str) -> None:
        """Attack by ``kind`` from now on; by none: stop."""
        if kind == self.kind:
            return
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
        self.kind = kind
        if kind:
            script = str(Path(__file__).with_name("attack.py"))
            command = [sys.executable, script, kind, "--port", str(self._port), *self._options]
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)


def soak(server: Served, seconds: float, kinds: list[str], options: list[str]) -> list[Sample]:
    """The show, a sample a second."""
    performer, attackers = Performer(server), Attackers(server.port, options)
    performing = threading.Thread(target=performer.run, daemon=True)
    performing.start()
    samples: list[Sample] = []
    began = before = time.monotonic()
    came = 0
    try:
        while (now := time.monotonic()) - began < seconds:
            turn, part = divmod(now - began, min(TURN_SECONDS, seconds / 4))
            performer.act = ACTS[int(turn) % len(ACTS)]
            hostile = bool(kinds) and part > min(TURN_SECONDS, seconds / 4) / 2
            attackers.turn(kinds[int(turn) % len(kinds)] if hostile else "")
            time.sleep(max(0.0, before + 1.0 - now))
            now, ages, performer.ages = time.monotonic(), performer.ages, []
            process = server.process
            samples.append(
                Sample(
                    second=round(now - began, 2),
                    act=performer.act,
                    attack=attackers.kind,
                    fps=round((performer.came - came) / (now - before), 2),
                    age_ms=round(float(np.median(ages)), 1) if ages else float("nan"),
                    memory_mb=round(process.memory_info().rss / 2**20, 1),
                    threads=process.num_threads(),
                    files=process.num_fds(),
                    lines=server.log.read_bytes().count(b"\n"),
                )
            )
            came, before = performer.came, now
    finally:
        attackers.turn("")
        performer.stop.set()
        performing.join(10)
    for failure in performer.failures:
        print(f"the performer was told: {failure}")
    return samples


def draw(samples: list[Sample], title: str, out: Path) -> None:
    """All figures over time; attacks are shaded."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    rows = (
        ("fps", "pictures\na second"),
        ("age_ms", "age, ms"),
        ("memory_mb", "memory, MB"),
        ("threads", "threads"),
        ("files", "open files"),
        ("lines", "lines of log"),
    )
    minutes = [sample.second / 60 for sample in samples]
    figure, axes = pyplot.subplots(len(rows), 1, figsize=(11, 12), sharex=True)
    for axis, (name, label) in zip(axes, rows, strict=True):
        values = [getattr(sample, name) for sample in samples]
        axis.plot(minutes, values, color="#7c3aed", linewidth=0.9)
        axis.set_ylabel(label)
        axis.grid(alpha=0.25)
        known = [value for value in values if value == value]
        # a flat line must look like one
        axis.set_ylim(0, 1.25 * (np.percentile(known, 99) if known else 1) or 1)
        for begin, end in itertools.pairwise(samples):
            if begin.attack:
                axis.axvspan(begin.second / 60, end.second / 60, color="#f59e0b", alpha=0.18, lw=0)
    last = ""
    for sample in samples:
        if sample.act != last and len(minutes) < 1000:
            axes[0].text(
                sample.second / 60, axes[0].get_ylim()[1], sample.act, fontsize=7, va="bottom"
            )
        last = sample.act
    axes[0].set_title(title, pad=18)
    axes[-1].set_xlabel("minutes (shaded: attackers at work)")
    figure.tight_layout()
    figure.savefig(out, dpi=90)
    pyplot.close(figure)


def compare(samples: list[Sample]) -> str:
    """The second eighth, when all is warm, and the last one."""
    eighth = max(1, len(samples) // 8)

    def part(chosen: list[Sample], name: str) -> float:
        return float(np.nanmedian([getattr(sample, name) for sample in chosen]))

    early, late = samples[eighth : 2 * eighth] or samples, samples[-eighth:]
    figures = [
        f"{name} {part(early, name):.1f} -> {part(late, name):.1f}"
        for name in ("fps", "age_ms", "memory_mb", "threads", "files")
    ]
    calm = [sample.fps for sample in samples[eighth:] if not sample.attack]
    under = [sample.fps for sample in samples[eighth:] if sample.attack]
    if calm and under:
        figures.append(f"fps alone {np.mean(calm):.1f}, attacked {np.mean(under):.1f}")
    figures.append(f"{samples[-1].lines} lines of log")
    return "; ".join(figures)


def main() -> None:
    """Serve, play, attack, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--out", type=Path, default=Path("soak.png"))
    parser.add_argument("--size", default="256x256")
    parser.add_argument("--attackers", type=int, default=2)
    parser.add_argument("--nice", type=int, default=10)
    parser.add_argument("--kinds", nargs="*", default=[k for k in KINDS if k != "nothing"])
    args = parser.parse_args()
    log = Path(f"soak-{os.getpid()}.log")
    options = [f"--attackers={args.attackers}", f"--nice={args.nice}"]
    with served(log, "--size", args.size) as server:
        samples = soak(server, args.minutes * 60, args.kinds, options)
    args.out.with_suffix(".json").write_text(json.dumps([asdict(sample) for sample in samples]))
    title = f"{args.minutes:g} minutes, {args.size}, {args.attackers} attackers half of the time"
    draw(samples, title, args.out)
    print(compare(samples))
    log.unlink()


if __name__ == "__main__":
    main()
