"""The real page in headless Chromium, against the real server on this machine.

    python benchmarks/page.py                    a minute of camera, half a minute of clicks
    python benchmarks/page.py --seconds 600 --song 180      does the age of pictures grow, the song run off?

Prints the rate and the age of pictures with a (pretended) camera, how far pictures of a click track are
from its clicks, and how soon a new prompt shows. Chromium draws without a graphics card here, and shares
the processor with the model.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.browser.tools import CHROMIUM, FLAGS, WATCH, Visit, start_server, write_clicks

TARGETS = {"fps": 20.0, "median age": 150.0, "p95 age": 300.0, "song": 50.0, "prompt": 500.0}

# what goes to the loudspeakers is watched for clicks; their times are on the page's clock, as heard
LISTEN = """
window.clicks = [];
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...rest) {
  if (to instanceof AudioDestinationNode && this instanceof MediaElementAudioSourceNode) {
    const { context } = this;
    const ear = new AnalyserNode(context, { fftSize: 8192 });
    connect.call(this, ear);
    const samples = new Float32Array(ear.fftSize);
    setInterval(() => {
      ear.getFloatTimeDomainData(samples);
      const latency = (context.baseLatency || 0) + (context.outputLatency || 0);
      const end = performance.now() + latency * 1000;
      for (let i = 200; i < samples.length; i++) {
        if (Math.abs(samples[i]) < 0.3) continue;
        // resampled, a click rises over a few samples
        if (samples.subarray(i - 200, i - 10).some((s) => Math.abs(s) > 0.1)) continue;
        const at = end - ((samples.length - i) / context.sampleRate) * 1000;
        if (!clicks.some((other) => Math.abs(other - at) < 200)) clicks.push(at);
      }
    }, 40);
  }
  return connect.call(this, to, ...rest);
};
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="of camera (default 60)")
    parser.add_argument("--song", type=int, default=20, help="seconds of clicks (default 20)")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--size", metavar="WxH", help="of the model's pictures (default: its own)")
    args = parser.parse_args()
    server = start_server(0, *(["--size", args.size] if args.size else []))
    try:
        with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            size = (args.width, args.height)
            camera(visit(browser, server.url, size), args.seconds)
            clicks = write_clicks(Path(folder) / "clicks.wav", args.song + 60)
            song(visit(browser, server.url, size), clicks, args.song)
            prompt(visit(browser, server.url, size))
            browser.close()
    finally:
        server.stop()


def visit(browser: Browser, url: str, size: tuple[int, int]) -> Visit:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, permissions=["camera", "microphone"]
    )
    context.add_init_script(WATCH + LISTEN)
    here = Visit(context.new_page())
    here.page.goto(url)
    here.wait_for_pictures(5)
    return here


def camera(here: Visit, seconds: int) -> None:
    here.button("Camera")
    time.sleep(5)  # the controller finds its level
    here.page.evaluate("shown.length = 0")
    time.sleep(seconds)
    shown = here.page.evaluate("shown.map(({ at, captured }) => [at, captured])")
    here.page.context.close()
    at, captured = np.array(shown).T
    age, gaps = at - captured, np.diff(at)
    rate = len(gaps) / ((at[-1] - at[0]) / 1e3)
    print(f"camera, {seconds} s, {len(at)} pictures")
    report("fps", rate, "per second", at_least=True)
    report("median age", float(np.median(age)), "ms")
    report("p95 age", float(np.quantile(age, 0.95)), "ms")
    first, last = np.array_split(age, 10)[0], np.array_split(age, 10)[-1]
    print(
        f"  age of the first and the last tenth: {np.median(first):.0f}, {np.median(last):.0f} ms"
    )
    print(
        f"  gap between pictures: p50 {np.median(gaps):.0f}, p95 {np.quantile(gaps, 0.95):.0f} ms"
    )


def song(here: Visit, clicks: Path, seconds: int) -> None:
    here.page.set_input_files("input[aria-label='Song file']", clicks)
    here.until(lambda: bool(here.page.evaluate("shown.at(-1).value >= 0")), pictures=5000)
    time.sleep(3)
    here.page.evaluate("shown.length = 0")
    time.sleep(seconds)
    shown = np.array(here.page.evaluate("shown.map(({ at, value }) => [at, value])"), float)
    heard = np.array(here.page.evaluate("clicks"))
    here.page.context.close()
    at, value = shown[~np.isnan(shown[:, 1])].T
    # the click of each picture: the song's clicks are half a second apart, at whole halves
    nearest = heard[np.abs(heard[:, None] - at).argmin(0)]
    since = (value % 0.5) * 1e3
    off = (at - nearest - since + 250) % 500 - 250
    print(f"song, {seconds} s, {len(at)} pictures against {len(heard)} clicks as they are heard")
    report("song", float(np.median(np.abs(off))), "ms off, median")
    print(f"  mean {off.mean():+.0f} ms, p95 {np.quantile(np.abs(off), 0.95):.0f} ms off")
    ends = [np.median(part) for part in (np.array_split(off, 10)[0], np.array_split(off, 10)[-1])]
    print(f"  the first and the last tenth: {ends[0]:+.0f}, {ends[1]:+.0f} ms off")


def prompt(here: Visit) -> None:
    def write(text: str) -> None:
        here.page.fill("#prompt-0", text)
        here.page.press("#prompt-0", "Enter")

    took = []
    texts = ["red fire, crimson lava", "deep blue ocean"] * 4
    write(texts[0])
    here.wait_for_pictures(90)
    for text in texts[1:]:
        sign = 1.0 if "blue" in text else -1.0
        before = _blueness(here)
        started = time.perf_counter()
        write(text)
        while sign * (_blueness(here) - before) < 20 and time.perf_counter() - started < 10:
            here.wait_for_pictures(1)
        took.append((time.perf_counter() - started) * 1e3)
        here.wait_for_pictures(90)
    here.page.context.close()
    print(
        f"prompt, {len(took)} changes between red fire and blue ocean, seen when the mean turns by 20"
    )
    report("prompt", float(np.median(took)), "ms, median")


def _blueness(here: Visit) -> float:
    red, _, blue = here.glance().mean((0, 1))
    return float(blue - red)


def report(name: str, value: float, unit: str, at_least: bool = False) -> None:
    """A figure beside its target."""
    target = TARGETS[name]
    met = value >= target if at_least else value <= target
    print(f"  {name}: {value:.0f} {unit} (target {target:.0f}: {'met' if met else 'MISSED'})")


if __name__ == "__main__":
    main()
