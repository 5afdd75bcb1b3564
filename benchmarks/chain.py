"""What other programs on stage get, and cost: NDI at a constant rate, a flood of OSC.

python benchmarks/chain.py ndi [--seconds 20] [--size 1280x720]
python benchmarks/chain.py flood [--rounds 10] [--messages 2000] [--size 512x512]
python benchmarks/chain.py cost [--messages 2000]

`ndi` runs `phosphene live --ndi` and takes its pictures in another process: how many a second, how even, how
many of them are repeats. `flood` sends OSC from another process for a second and a half, is silent as long,
and so on in turns, for the machine is not as fast now as it was just before; the picture has no time to
spare.
`cost` takes in the same floods without a show's pictures, and says what that takes of a core: a figure for a
machine that does other things. All of it stays on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import numpy as np
import psutil
from pythonosc.osc_message_builder import OscMessageBuilder

if __package__ in (None, ""):
    # run as a script: its neighbours are found all the same
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.attack import ROUND_SECONDS, SETTLE_SECONDS, Good, Served, served
from phosphene.config import DiffusionConfig, InferenceConfig, PipelineConfig
from phosphene.diffusion import LSDPipeline
from phosphene.integrations.osc.addresses import addresses
from phosphene.integrations.osc.inlet import TICK, Inlet
from phosphene.server.companion import Hands
from phosphene.show.live import Session
from phosphene.video.fetch import LOOK_SECONDS, ndi_frames

NAME = "phosphene bench"
HOST = "127.0.0.1"
FREE = ["--set", "live.adapt=false", "--set", "live.fps=120"]
"""as many pictures as the machine can draw"""
LAST = 0.123
"""what the fader says at the end of every flood"""
ARRIVAL_SECONDS = 1.0


@contextmanager
def near() -> Iterator[None]:
    """NDI that looks on this machine alone, without a service that announces."""
    told = {"ndi": {"networks": {"ips": f"{HOST},"}, "machinename": "here"}}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "ndi-config.v1.json").write_text(json.dumps(told))
        os.environ["NDI_CONFIG_DIR"] = folder
        yield


def receive(seconds: float) -> None:
    """Take NDI's pictures; print when each came, and a sign of what it shows."""
    with ndi_frames(NAME) as (look, frame):
        came: list[tuple[float, int]] = []
        end = None
        while end is None or time.monotonic() < end:
            if not look():
                time.sleep(LOOK_SECONDS)
                continue
            now = time.monotonic()
            end = end or now + seconds
            came.append((now, hash(np.frombuffer(frame, np.uint8)[::997].tobytes())))
        print(json.dumps({"came": came, "size": [frame.xres, frame.yres]}))


def ndi(seconds: float, size: str) -> None:
    """A show that plays by itself, seen through NDI."""
    log = Path(tempfile.gettempdir()) / f"phosphene-chain-{os.getpid()}.log"
    with near(), served(log, "--size", size, "--ndi", NAME) as server:
        time.sleep(SETTLE_SECONDS)
        before, began = server.process.cpu_times(), time.monotonic()
        command = [sys.executable, __file__, "receive", "--seconds", str(seconds)]
        told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        after, took = server.process.cpu_times(), time.monotonic() - began
        drawn = figure(server, "fps")
    log.unlink()
    times, signs = zip(*told["came"], strict=True)
    gaps = np.diff(times) * 1e3
    new = sum(one != two for one, two in pairwise(signs))
    rate = (len(times) - 1) / (times[-1] - times[0])
    used = (sum(after[:2]) - sum(before[:2])) / took
    print(
        f"NDI {told['size'][0]}x{told['size'][1]}: {rate:.2f} a second over {times[-1] - times[0]:.0f} s"
        f" (the model drew {drawn:.1f}); gaps {median(gaps):.1f} ms, 1 to 99 %"
        f" {np.quantile(gaps, 0.01):.1f} to {np.quantile(gaps, 0.99):.1f}, longest {gaps.max():.0f};"
        f" {1 - new / len(gaps):.1%} repeats; the server took {used:.2f} cores; load {load()}"
    )


def figure(server: Served, name: str) -> float:
    """A figure of the only session."""
    with urllib.request.urlopen(f"http://{HOST}:{server.port}/metrics", timeout=30) as answer:
        found = re.search(rf"^phosphene_{name}\{{.*\}} (\S+)$", answer.read().decode(), re.M)
    assert found is not None, name
    return float(found[1])


def load() -> str:
    """Of the machine."""
    return f"{os.getloadavg()[0]:.1f}"


def message(name: str, *given: float | str) -> bytes:
    """One OSC message."""
    built = OscMessageBuilder(f"/phosphene/{name}")
    for each in given:
        built.add_arg(each)
    return built.build().dgram


def faders() -> list[list[bytes]]:
    """Every number that has a range, at a hundred places of it."""
    found = []
    for address in addresses().values():
        # what is drawn in another way is another picture, and costs what that costs
        still = address.path.partition(".")[0] in ("stream", "inference", "live", "audio")
        if address.kind == "setting" and address.types == "f" and address.high and not still:
            low, high = address.low or 0.0, address.high
            found.append([message(address.name, low + (high - low) * n / 99) for n in range(100)])
    return found


def one() -> list[bytes]:
    """A single fader."""
    return [message("camera/zoom", n / 200) for n in range(200)]


def all_of_them() -> list[bytes]:
    """All faders in turn, one after the other."""
    rows = faders()
    return [row[n % 100] for n in range(100) for row in rows]


def later() -> list[bytes]:
    """Faders that wait for the next bar."""
    return [message("on/bar/camera/zoom", n / 200) for n in range(200)]


def knobs() -> list[bytes]:
    """Controllers by name."""
    return [message("controller", f"fader {n % 40}", n / 1000) for n in range(1000)]


def beside() -> list[bytes]:
    """To another port, where nobody reads: what sending alone costs a machine."""
    return one()


def taps() -> list[bytes]:
    """Buttons held down by a madman."""
    return [message("look/next", 1.0), message("scene", 1.0), message("tap", 1.0)]


def wrong() -> list[bytes]:
    """Numbers out of range, and addresses that are none."""
    return [message("camera/zoom", 99.0), message("camera/zom", 1.0)]


KINDS: dict[str, Callable[[], list[bytes]]] = {
    "nothing": list,
    **{each.__name__: each for each in (beside, one, all_of_them, later, knobs, taps, wrong)},
}


def send(kind: str, port: int, rate: float) -> None:
    """Send a kind of flood to ``port`` for ever."""
    datagrams = KINDS[kind]()
    print("up", flush=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.connect((HOST, port))
        sent, began = 0, time.monotonic()
        while True:
            time.sleep(0.005)
            due = int((time.monotonic() - began) * rate)
            if due - sent > rate / 10:
                # it was stopped meanwhile
                began, sent = time.monotonic(), 0
                continue
            for number in range(sent, due if datagrams else sent):
                line.send(datagrams[number % len(datagrams)])
            sent = due


def flood(kinds: list[str], rounds: int, rate: float, size: str) -> None:
    """Each kind, turn about with silence."""
    log = Path(tempfile.gettempdir()) / f"phosphene-chain-{os.getpid()}.log"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    with served(log, "--size", size, "--osc", str(port), *FREE) as server:
        good = Good(server.port, server.token)
        watching = threading.Thread(target=good.run)
        watching.start()
        try:
            time.sleep(SETTLE_SECONDS)
            for kind in kinds or KINDS:
                print(measured(server, kind, port, rounds, rate), flush=True)
        finally:
            good.stop.set()
            watching.join()
    log.unlink()


def measured(server: Served, kind: str, port: int, rounds: int, rate: float) -> str:
    """One row: pictures a second, and the processor's time that one takes, which other work moves less."""

    def drawn() -> tuple[float, float]:
        before, spent, began = figure(server, "frames_total"), cpu(server), time.monotonic()
        time.sleep(ROUND_SECONDS)
        took = time.monotonic() - began
        return (figure(server, "frames_total") - before) / took, (cpu(server) - spent) / took

    nowhere = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    nowhere.bind((HOST, 0))
    to = nowhere.getsockname()[1] if kind == "beside" else port
    command = [sys.executable, __file__, "send", kind]
    command += ["--port", str(to), "--messages", str(rate)]
    calm, flooded = [], []
    with nowhere, subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        sender = psutil.Process(child.pid)
        assert child.stdout is not None
        child.stdout.readline()
        try:
            for _ in range(rounds):
                sender.suspend()
                time.sleep(0.2)
                calm.append(drawn())
                sender.resume()
                time.sleep(0.2)
                flooded.append(drawn())
        finally:
            child.kill()
    (here, calm_cpu), (there, flood_cpu) = np.sum(calm, 0), np.sum(flooded, 0)
    return (
        f"{kind:12} {here / rounds:5.1f} -> {there / rounds:5.1f} pictures a second ({there / here:.0%});"
        f" {1e3 * calm_cpu / here:5.1f} -> {1e3 * flood_cpu / there:5.1f} ms of a core each"
        f" ({flood_cpu / there / (calm_cpu / here):.0%}); the last value"
        f" {'holds' if holds(port) else 'IS LOST'}; load {load()}"
    )


def cost(rate: float) -> None:
    """What it takes to take in floods and do what they say, by the processor's time of one thread."""
    config = PipelineConfig(inference=InferenceConfig(height=64, width=64))
    session = Session(LSDPipeline(DiffusionConfig(threads=1), config.inference), config)
    page = SimpleNamespace(mailbox=SimpleNamespace(put=lambda *_: None))
    handle = SimpleNamespace(session=session, performer=page, told=None, over=False)
    registry = SimpleNamespace(on_show=handle, config=config)

    async def measure(kind: str) -> float:
        inlet = Inlet(HOST, 0, answer=lambda _: None, sync=lambda: None)
        inlet._hands = Hands(registry)  # type: ignore[arg-type]
        datagrams, sent, used, ticks = itertools.cycle(KINDS[kind]()), 0, 0.0, 120
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.connect((HOST, inlet.port))
            for tick in range(ticks):
                while sent < (tick + 1) * rate * TICK:
                    line.send(next(datagrams))
                    sent += 1
                begun = time.thread_time()
                inlet._do(inlet._gather())
                await asyncio.sleep(0)
                used += time.thread_time() - begun
                await asyncio.sleep(TICK)
        inlet.close()
        return used / (ticks * TICK)

    for kind in KINDS:
        if kind != "nothing":
            print(
                f"{kind:12} {asyncio.run(measure(kind)):6.1%} of a core; load {load()}", flush=True
            )
    session.close()


def cpu(server: Served) -> float:
    """Seconds of the processor that the server took."""
    return float(sum(server.process.cpu_times()[:2]))


def holds(port: int) -> bool:
    """Whether the last word of a flood is what is in force; buttons that still wait are done before."""
    time.sleep(ARRIVAL_SECONDS)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.connect((HOST, port))
        for n in range(1000):
            line.send(message("camera/zoom", n / 500))
        line.send(message("camera/zoom", LAST))
    time.sleep(ARRIVAL_SECONDS)
    url = f"http://{HOST}:{port}/phosphene/camera/zoom?VALUE"
    with urllib.request.urlopen(url, timeout=30) as answer:
        (value,) = json.load(answer)["VALUE"]
    return bool(abs(value - LAST) < 1e-6)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("ndi", "flood", "cost", "receive", "send"))
    parser.add_argument("kinds", nargs="*", help=f"of floods: {', '.join(KINDS)} (default: all)")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=10, help="of 1.5 s without and 1.5 s with")
    parser.add_argument("--messages", type=float, default=2000.0, help="a second")
    parser.add_argument("--size")
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    match args.what:
        case "ndi":
            ndi(args.seconds, args.size or "1280x720")
        case "flood":
            flood(args.kinds, args.rounds, args.messages, args.size or "512x512")
        case "cost":
            cost(args.messages)
        case "receive":
            receive(args.seconds)
        case "send":
            send(args.kinds[0], args.port, args.messages)


if __name__ == "__main__":
    main()
