"""A set as on a stage: three songs with thirty cues in the real page, killed in the middle, then drawn.

    python benchmarks/sets.py                 at four times the speed; the server dies in the second song
    python benchmarks/sets.py --speed 1 --no-kill

Every cue changes the light, so that it is seen: in the canvas of the page, and in the frames of the videos
that `phosphene render --set` makes of the set that the page saved. For each song is printed how many cues
were on the first picture that showed their bar, and how long after the bar was heard the light changed in
the room. What the songs come to while there is no server cannot be seen: those cues must hold when it is
back.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))
from phosphene.audio import AudioAnalyzer
from phosphene.config import AudioConfig
from tests.browser.tools import CHROMIUM, FLAGS, WATCH, Server, Visit, start_server, write_song

SONGS = {"one": (120, 40), "two": (100, 80), "three": (140, 40)}
"""name: (beats a minute, seconds); the second is long enough for a server to come back in it"""
STEPS = {"live.fade_seconds": 0, "video.limit_flashes": False}
"""light changes at once: what holds flashes may hold a step for some frames"""
CUES = 10
"""of a song"""
DRAWN_FPS = 15
"""of the videos"""
DARK, BRIGHT = 0.25, 1.0
"""master light, in turns: a step that no look, beat or fade is taken for"""

# songs play at `fast` times their speed; the light of the canvas is kept with the place that is heard
EARS = """
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () {
  window.song = this;
  this.preservesPitch = false;
  this.playbackRate = FAST;
  return play.call(this);
};
window.told = [];
window.light = [];
window.ready = new Set();
const Plain = WebSocket;
window.WebSocket = class extends Plain {
  constructor(address) {
    super(address);
    this.addEventListener('message', ({ data }) => {
      if (typeof data !== 'string') return;
      const news = JSON.parse(data);
      if (news.type === 'song' && news.state === 'ready') window.ready.add(news.id);
      if (news.type === 'config' && news.position !== undefined && (news.id ?? null) === null)
        window.told.push({ ...news, song: JSON.parse(sessionStorage['phosphene.setPlays'] ?? '-1') });
    });
  }
};
const glance = new OffscreenCanvas(4, 4).getContext('2d', { willReadFrequently: true });
let last = null;
addEventListener('phosphene-shown', ({ detail }) => { last = detail; }, true);
addEventListener('phosphene-frame', ({ detail, target }) => {
  if (last === null) return;
  glance.drawImage(target, 0, 0, 4, 4);
  const { data } = glance.getImageData(0, 0, 4, 4);
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2];
  const song = JSON.parse(sessionStorage['phosphene.setPlays'] ?? '-1');
  // `off` is how far the picture was from the sound when it came
  const heard = last.value + last.off / 1000 + ((detail.at - last.at) / 1000) * FAST;
  window.light.push([song, heard, last.value, sum / 48, detail.at]);
}, true);
"""


@dataclass(frozen=True)
class Cue:
    """A cue as it was laid."""

    at: float
    """seconds in the song"""
    says: dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--speed", type=float, default=4.0, help="of the songs (default 4)")
    parser.add_argument("--no-kill", action="store_true", help="let the server live")
    parser.add_argument("--size", default="256x256", metavar="WxH", help="of the pictures")
    parser.add_argument("--keep", metavar="DIR", help="keep set, songs and videos there")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(args.keep or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        files = [write_song(folder / f"{name}.wav", *how) for name, how in SONGS.items()]
        laid = [cues_on(file) for file in files]
        told = write_set(folder / "thirty.set", files, laid)
        saved, good = played(told, files, laid, args)
        good &= drawn(saved, files, laid, folder / "drawn", args.size)
    print(f"load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    sys.exit(0 if good else 1)


def cues_on(song: Path, count: int = CUES) -> list[Cue]:
    """Cues of all kinds on bars of a song."""
    bars = AudioAnalyzer(AudioConfig()).analyze(song).downbeat_times
    places = np.linspace(2, len(bars) - 1, count).round().astype(int)
    cues = []
    for i, bar in enumerate(places):
        light = {"live.light": DARK if i % 5 in (0, 2) else BRIGHT}
        kinds: list[dict[str, Any]] = [
            {"look": "Inferno" if i else "Ocean", "set": light | STEPS},
            {"prompt": f"gold marble {i}", "transition": 0.5, "set": light},
            {"scene": True, "set": light | {"camera.zoom": 0.5 + i / 10}},
            {"prompt": f"emerald cells {i}", "set": light},
            {"blackout": True},
        ]
        says = kinds[i % 5]
        if i and i % 5 == 0:
            says["blackout"] = False
        cues.append(Cue(float(bars[bar - 1]), {"bar": int(bar), **says}))
    return cues


def write_set(path: Path, files: list[Path], laid: list[list[Cue]]) -> Path:
    songs = [
        {"name": file.name, "path": file.name, "cues": [cue.says for cue in cues]}
        for file, cues in zip(files, laid, strict=True)
    ]
    told = {"phosphene_set": 1, "name": "thirty", "between": {"how": "gap", "seconds": 0.5}}
    path.write_text(json.dumps(told | {"songs": songs}))
    return path


def played(
    told: Path, files: list[Path], laid: list[list[Cue]], args: argparse.Namespace
) -> tuple[Path, bool]:
    """Play the set in the page; the set as the page saves it, and whether all was as it should be."""
    servers = [start_server(0, "--size", args.size)]
    parts: list[dict[str, Any]] = []
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            context = browser.new_context(
                viewport={"width": 1280, "height": 720}, accept_downloads=True
            )
            context.set_default_timeout(120_000)
            context.add_init_script(WATCH + EARS.replace("FAST", f"{args.speed:g}"))
            page = context.new_page()
            page.on("dialog", lambda dialog: dialog.accept())
            page.goto(servers[0].url)
            visit = Visit(page)
            visit.wait_for_pictures(3)
            page.keyboard.press("e")
            page.set_input_files("input[aria-label='Set file']", told)
            page.set_input_files("input[aria-label='Songs of the set']", files)
            page.wait_for_function(HEARD, arg=len(files))
            visit.button("Play one")
            gone = None
            if not args.no_kill:
                # in the second song, at a fifth of it
                page.wait_for_function(
                    "at => light.some(([song, heard]) => song === 1 && heard > at)",
                    arg=SONGS["two"][1] / 5,
                )
                parts.append(noted(page))
                gone = parts[-1]["light"][-1][1]
                servers.append(again(servers[0], args.size))
                page.reload()
            end = laid[2][-1].at + 1
            page.wait_for_function(
                "end => light.some(([song, heard]) => song === 2 && heard > end)", arg=end
            )
            parts.append(noted(page))
            page.mouse.move(300, 300)
            with page.expect_download() as download:
                page.get_by_role("button", name="Save", exact=True).press("Enter")
            saved = told.with_name("saved.set")
            download.value.save_as(saved)
            browser.close()
    finally:
        servers[-1].stop()
    away = None if gone is None else Away(1, gone, first_known(parts[1]))
    good = away is None or restored(parts[1], laid[1], away.back)
    for number, (name, cues) in enumerate(zip(SONGS, laid, strict=True)):
        good &= judged(name, number, cues, parts, away, args.speed)
    return saved, good


# all songs of the set were heard
HEARD = """(count) => {
  const { songs } = JSON.parse(localStorage['phosphene.set'] ?? '{"songs":[]}');
  const heard = JSON.parse(localStorage['phosphene.analyses'] ?? '{}');
  return songs.length === count && songs.every(({ sha256, key }) => key && heard[sha256]);
}"""


def noted(page: Page) -> dict[str, Any]:
    return page.evaluate("() => ({ told, light, shown })")


def again(server: Server, size: str) -> Server:
    """Kill a server, and start another in its place."""
    port = int(re.search(r":(\d+)/", server.url)[1])
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(20)
    return start_server(port, "--size", size)


def first_known(part: dict[str, Any]) -> float:
    """Where the second song was when its pictures were of it again, seconds."""
    return next(heard for song, heard, *_ in part["light"] if song == 1 and not math.isnan(heard))


def restored(part: dict[str, Any], cues: list[Cue], back: float) -> bool:
    """Whether all that holds at the place where the second song was taken up again does."""
    first = next((each for each in part["told"] if each["song"] == 1), None)
    passed = [cue for cue in cues if first is not None and cue.at <= first["position"]]
    wanted: dict[str, Any] = {}
    for cue in passed:
        wanted |= cue.says.get("set", {})
        wanted |= {"prompt.base_prompt": cue.says["prompt"]} if "prompt" in cue.says else {}
        wanted |= {"live.blackout": cue.says["blackout"]} if "blackout" in cue.says else {}
    values = {} if first is None else first["values"]
    good = bool(wanted) and all(values.get(path) == value for path, value in wanted.items())
    print(
        f"back at {back:.1f} s of the second song: {'all holds' if good else 'MISSING'} of {len(passed)} cues"
    )
    if not good:
        print(f"  {wanted} wanted, {values} told")
    return good


@dataclass(frozen=True)
class Away:
    """When there was no server."""

    song: int
    gone: float
    """seconds in that song"""
    back: float


def judged(
    name: str,
    number: int,
    cues: list[Cue],
    parts: list[dict[str, Any]],
    away: Away | None,
    speed: float,
) -> bool:
    """Say how the cues of a song were played; whether none was lost, and none missed its first picture."""
    late, lost, behind, seen, apart, fell = [], [], 0, [], [], 0
    for cue in cues:
        place = number, cue.at
        if away is not None and (away.song, away.gone) <= place <= (away.song, away.back):
            fell += 1
            continue
        part = parts[0] if away is not None and place < (away.song, away.gone) else parts[-1]
        told = [each for each in part["told"] if each["song"] == number]
        rows = [row for row in part["light"] if row[0] == number and not math.isnan(row[1])]
        shown = sorted({value for _, _, value, *_ in rows})
        first = min((each["position"] for each in told if each["position"] >= cue.at), default=None)
        if first is None or not any(
            holds(each, cue, cues) for each in told if each["position"] == first
        ):
            lost.append(cue)
            continue
        late.append((first - cue.at) / speed * 1e3)
        # a picture of the bar, and not yet of the cue
        behind += any(cue.at <= value < first - 1e-6 for value in shown)
        seen.append(edge(cue, rows, speed))
        apart.append(np.median(np.diff(shown)) / speed * 1e3)
    print(
        f"{name}: {len(late) - behind} of {len(cues) - fell} cues are on the first picture of their bar"
        f" (at most {max(late):.0f} ms behind it; pictures are {np.median(apart):.0f} ms apart, median)"
    )
    if lost:
        print(f"  LOST: {[cue.says for cue in lost]}")
    if away is not None and away.song == number:
        print(
            f"  without a server from {away.gone:.1f} to {away.back:.1f} s of the song:"
            f" {fell} cues fell into it"
        )
    room = np.array([each for each in seen if each is not None]) * 1e3
    if len(room):
        print(
            f"  light changes {np.median(room):+.0f} ms after the bar is heard, median"
            f" ({room.min():+.0f} .. {room.max():+.0f}; {len(room)} cues seen)"
        )
    return not lost and not behind


def holds(told: dict[str, Any], cue: Cue, cues: list[Cue]) -> bool:
    """Whether a picture took all that a cue says, or what a later one of the same picture says instead."""
    wanted = dict(cue.says.get("set", {}))
    if "prompt" in cue.says:
        wanted["prompt.base_prompt"] = cue.says["prompt"]
    if "blackout" in cue.says:
        wanted["live.blackout"] = cue.says["blackout"]
    alone = not any(cue.at < other.at <= told["position"] for other in cues)
    values = told["values"]
    if alone and told.get("look") != cue.says.get("look"):
        return False
    return all(
        path in values and (values[path] == value or not alone) for path, value in wanted.items()
    )


def edge(cue: Cue, rows: list[tuple[float, ...]], speed: float) -> float | None:
    """Seconds from the bar, as it is heard, until the light of the canvas is on its new side."""
    rows = sorted((heard, light) for _, heard, _, light, _ in rows if abs(heard - cue.at) < 1.5)
    if not rows:
        return None
    heard, light = np.array(rows).T
    before, after = light[heard < cue.at - 0.4], light[heard > cue.at + 0.6]
    return crossing(heard - cue.at, light, before, after, speed)


def crossing(
    since: np.ndarray, light: np.ndarray, before: np.ndarray, after: np.ndarray, speed: float
) -> float | None:
    if not len(before) or not len(after):
        return None
    old, new = np.median(before), np.median(after)
    middle = np.sqrt((old + 0.5) * (new + 0.5))
    if max(old + 0.5, new + 0.5) < 1.5 * min(old + 0.5, new + 0.5):
        return None
    there = (light > middle) == (new > old)
    places = np.flatnonzero(there & (since > -0.4))
    return float(since[places[0]]) / speed if len(places) else None


def step(since: np.ndarray, light: np.ndarray) -> float:
    """Seconds from the cue to the frame on which light changes most, within a third of a second."""
    levels = np.log(light + 1)
    jumps = np.abs(np.diff(levels, prepend=levels[0]))
    jumps[abs(since) > 1 / 3] = 0
    return float(since[jumps.argmax()])


def drawn(saved: Path, files: list[Path], laid: list[list[Cue]], out: Path, size: str) -> bool:
    """Draw the set that the page saved, and see on which frames its cues are."""
    command = [sys.executable, "-m", "phosphene", "render", "--set", str(saved), "-o", str(out)]
    command += ["--size", size, "--fps", str(DRAWN_FPS), "--overwrite", *map(str, files)]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, text=True)
    print(f"render --set: {time.perf_counter() - began:.0f} s for {len(files)} videos")
    good = True
    for video, cues in zip(sorted(out.glob("*.mp4")), laid, strict=True):
        light, times = [], []
        with av.open(str(video)) as file:
            for frame in file.decode(video=0):
                times.append(float(frame.time))
                light.append(frame.reformat(width=4, height=4, format="rgb24").to_ndarray().mean())
        off = [DRAWN_FPS * step(np.array(times) - cue.at, np.array(light)) for cue in cues]
        on = sum(-0.01 <= each < 1.01 for each in off)
        print(f"{video.name}: {on} of {len(cues)} cues on the first frame of their bar")
        if on < len(cues):
            print(f"  frames after the bar: {[round(each, 2) for each in off]}")
        good &= on == len(cues)
    return good


if __name__ == "__main__":
    main()
