"""What the display makes of a slow model: rates in the real page, and of a render with and without cadence.

    python benchmarks/display.py                 a stand-in that takes 400 ms a key, ten seconds of page
    python benchmarks/display.py --key 1.0 --seconds 30 --card
    python benchmarks/display.py beat --seconds 180      punches against a song's beats, page and /view
    python benchmarks/display.py jump sharp endless turbo

The stand-in changes nothing of the picture that it is shown, so whatever moves is the display. Chromium draws
on the processor here, by a 2-D canvas; --card has it draw with WebGL2 by software, which says nothing about a
graphics card.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))
from phosphene.config import DiffusionConfig, InferenceConfig, PipelineConfig
from phosphene.diffusion import load_pipeline
from phosphene.metrics.picture import luma, sharpness
from phosphene.show.display import REST, Display, KeyPicture, Motion, composed, moved
from phosphene.show.dream import dream, dream_frames
from phosphene.show.render import RenderOptions, render
from phosphene.stream.camera import CameraMove
from phosphene.video.motion.optical_flow import estimate, halve
from tests.browser.tools import CHROMIUM, FLAGS, WATCH, write_song
from tests.server.conftest import serving
from tests.show.toy import ToyPipeline

CARD = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
TEMPO = 120
CHOICES = ("page", "renders", "beat", "jump", "sharp", "endless", "turbo")
# frames of the screen with their zoom, on a clock that pages share
FRAMES = """
window.frames = [];
window.timed = (at) => performance.timeOrigin + at;
addEventListener('phosphene-frame', ({ detail: { at, turn } }) =>
  frames.push([timed(at), Math.hypot(turn[0], turn[1])]), true);
"""
COUNT = "window.frames_ = 0; addEventListener('phosphene-frame', () => window.frames_++, true);"


class Slow(ToyPipeline):
    """Takes ``seconds`` a key and leaves the picture as it is, but for a share that is ``fresh``."""

    seconds = 0.4
    fresh = 0.0

    def denoise(self, latents, timesteps, embeds, context):
        time.sleep(self.seconds)
        draws = np.random.default_rng(3)
        if self.fresh:
            self.drawn = getattr(self, "drawn", 0) + 1
            draws = np.random.default_rng(self.drawn)
        scene = draws.uniform(-1, 1, latents.shape).astype(np.float32)
        x0 = scene if context.previous is None else context.previous
        if context.previous is not None and self.fresh:
            # as lively from key to key as it began
            x0 = np.sqrt(1 - self.fresh**2) * x0 + self.fresh * scene
        return (latents - x0) / np.asarray(timesteps)[:, None, None, None]

    def decode(self, latents, palettes=None):
        size = self.inference_config
        small = np.clip((np.moveaxis(latents, 1, -1) + 1) * 127.5, 0, 255).astype(np.uint8)
        pictures = [Image.fromarray(each).resize((size.width, size.height), 3) for each in small]
        return np.stack([np.asarray(picture) for picture in pictures])


def settings() -> PipelineConfig:
    config = PipelineConfig(inference=InferenceConfig(height=288, width=512))
    config.live.adapt = False
    config.camera.zoom, config.camera.rotate = 1.0, 12.0
    return config


def model() -> Slow:
    return Slow(DiffusionConfig(), InferenceConfig(height=288, width=512))


def page(seconds: float, card: bool) -> str:
    """Frames and keys a second in the real page."""
    flags = [f for f in FLAGS if not (card and f == "--disable-gpu")] + [*(CARD if card else ())]
    with serving(model(), settings()) as served, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        visit = browser.new_page(viewport={"width": 1280, "height": 720})
        visit.add_init_script(WATCH + COUNT)
        visit.goto(f"{served.http}/{'?draw=gl' if card else ''}")
        visit.wait_for_function("() => shown.length > 3")
        visit.evaluate("() => { frames_ = 0; shown.length = 0; }")
        began = time.perf_counter()
        time.sleep(seconds)
        frames, keys = visit.evaluate("() => [frames_, shown.length]")
        took = time.perf_counter() - began
        canvas = visit.evaluate("() => [stage.width, stage.height].join('x')")
        browser.close()
    return f"page: {frames / took:.1f} shown, {keys / took:.1f} drawn a second, canvas {canvas}"


def renders(seconds: float) -> str:
    """The same dream with every frame drawn, and at `auto`."""
    took = {}
    with tempfile.TemporaryDirectory() as folder:
        for cadence in (1, "auto"):
            config = settings()
            config.stream.cadence = cadence
            began = time.perf_counter()
            out = Path(folder) / f"{cadence}.mp4"
            report = dream(out, seconds, config, RenderOptions(), base=model())
            took[cadence] = time.perf_counter() - began
    said = " ".join(report.notes)
    return (
        f"render of {seconds:g} s: {took[1]:.1f} s with every frame drawn, {took['auto']:.1f} s at auto"
        f" ({took[1] / took['auto']:.1f} x as fast; {said})"
    )


def beat(seconds: float) -> str:
    """How far the display's punches are from a song's beats: in the page, and in the output window beside it.

    The camera stands still, so what moves is the punch. Beats are those of the song's own clock, fitted over
    all keys that the page showed.
    """
    config = settings()
    config.camera.zoom = config.camera.rotate = config.camera.warp = 0.0
    config.camera.beat_punch = 1.0
    with (
        serving(model(), config) as served,
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as folder,
    ):
        song = write_song(Path(folder) / "beats.wav", TEMPO, int(seconds) + 30)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(viewport={"width": 640, "height": 360})
        context.add_init_script(WATCH + FRAMES)
        page, view = context.new_page(), context.new_page()
        page.goto(f"{served.http}/")
        page.wait_for_function("() => shown.length > 3")
        page.set_input_files("input[aria-label='Song file']", song)
        page.wait_for_function("() => !Number.isNaN(shown.at(-1)?.value ?? NaN)", timeout=60_000)
        view.goto(f"{served.http}/view")
        said = []
        for name, seen in (("page", page), ("output window", view)):
            # a window that is covered draws nothing
            seen.bring_to_front()
            seen.wait_for_timeout(6000)
            page.evaluate("shown.length = 0")
            seen.evaluate("frames.length = 0")
            seen.wait_for_timeout(int(seconds * 1000 / 2))
            frames = np.array(seen.evaluate("frames"))
            heard = np.array(
                page.evaluate("shown.map((s) => [timed(s.at), s.value + s.off / 1000])")
            )
            said.append(f"{name}: {punches(frames, heard)}")
        browser.close()
    return "; ".join(said)


def punches(frames: np.ndarray, heard: np.ndarray) -> str:
    """``frames`` (n 2) ms and zoom, ``heard`` (n 2) ms and the song's place, seconds."""
    heard = heard[~np.isnan(heard[:, 1])]
    slope, start = np.polyfit(heard[:, 0] - heard[0, 0], heard[:, 1], 1)
    at = (frames[:, 0] - heard[0, 0]) * slope + start
    gaps = np.diff(frames[:, 0])
    beat = 60 / TEMPO
    # the camera's own way is even from frame to frame, and begins anew with a key; a punch does neither
    zoomed = np.diff(np.log(frames[:, 1]), prepend=np.log(frames[0, 1]))
    sudden = np.minimum(zoomed, np.diff(zoomed, prepend=0.0))
    off, within = [], 0
    for k in range(int(at[0] / beat) + 1, int(at[-1] / beat)):
        near = np.flatnonzero(np.abs(at - k * beat) < beat / 2)
        if len(near) < 2 or sudden[near].max() < 0.005:
            continue
        hit = near[sudden[near].argmax()]
        off.append((at[hit] - k * beat) / slope)
        # the first frame of the screen at or after it, however long frames take here
        within += -2 <= off[-1] <= gaps[hit - 1] + 2
    beats = int(at[-1] / beat) - int(at[0] / beat) - 1
    return (
        f"{len(off)} punches of {beats} beats in {(frames[-1, 0] - frames[0, 0]) / 1e3:.0f} s,"
        f" {np.median(off):+.0f} ms after the beat, median (5 %: {np.quantile(off, 0.05):+.0f}, 95 %:"
        f" {np.quantile(off, 0.95):+.0f}); {within} on the frame of the beat"
        f" (frames {np.median(gaps):.0f} ms apart)"
    )


def jump(keys: int = 60) -> str:
    """How far a picture jumps where a key comes that the model has not changed, pixels of 512.

    The camera changes its speed with every frame, as music drives it; keys are 400 ms apart.
    """
    rng = np.random.default_rng(1)
    side, frames = (288, 512), 24
    noise = rng.uniform(0, 255, (side[0] // 8, side[1] // 8, 3)).astype(np.uint8)
    scene = np.asarray(Image.fromarray(noise).resize((side[1], side[0]), 3))
    display, whole, most = Display(crisp=True), REST, []
    for k in range(keys):
        moves = [
            CameraMove(
                zoom=1 + rng.uniform(-0.004, 0.004),
                rotate=rng.uniform(0, 0.01),
                pan_x=rng.uniform(-1, 1) * 1e-3,
            )
            for _ in range(frames)
        ]
        way = composed(moves) if k else REST
        whole = whole.then(way)
        now = k * frames / 60
        before = display.at(now)
        # what the model draws: the same things, where the camera has them
        display.put(KeyPicture(moved(scene, whole), now, way))
        # the crossfade begins with the old one: what it leads to
        display._fade = 0.0
        after = display.at(now)
        if before is not None and k > 2:
            one, two = (halve(luma(picture)) for picture in (before, after))
            flow = 2 * estimate(two, one)[:, 16:-16, 16:-16]
            most.append(float(np.quantile(np.hypot(*flow), 0.95)))
    return f"jump at a key that changed nothing: {np.median(most):.2f} px, median; {max(most):.2f} at most"


def sharp(seconds: float = 8.0) -> str:
    """Variance of sharpness over time with a cadence, against every picture drawn.

    Of the built-in model, whose fields are moved, and of the stand-in, whose pictures are.
    """
    said = []
    for name, config in (("built-in", PipelineConfig()), ("stand-in", settings())):
        inference = config.inference
        inference.width, inference.height = (256, 256) if name == "built-in" else (512, 288)
        variances = {}
        for cadence in (1, 6, 12):
            config.stream.cadence = cadence
            base = None
            if name == "stand-in":
                base = model()
                base.seconds, base.fresh = 0.0, 0.5
            frames = dream_frames(seconds, config, base=base)
            seen = np.array([sharpness(frame) for frame in frames])[24:]
            variances[cadence] = seen.var() / seen.mean() ** 2
        ratios = [f"{variances[c] / variances[1]:.2f} at cadence {c}" for c in (6, 12)]
        said.append(f"{name}: {', '.join(ratios)}")
    return f"variance of sharpness against every picture drawn, {seconds:g} s: {'; '.join(said)}"


def endless(hours: float) -> str:
    """Memory of a display over hours of a fake clock, 60 frames a second, a key every 400 ms."""
    picture = np.random.default_rng(2).integers(0, 255, (18, 32, 3), np.uint8)
    display, way = Display(), Motion.of(CameraMove(zoom=1.01, rotate=0.02))
    marks, began = [], time.perf_counter()
    for frame in range(int(hours * 3600 * 60)):
        if frame % 24 == 0:
            display.put(KeyPicture(picture, frame / 60, way))
        display.at(frame / 60)
        if frame % (60 * 60 * 10) == 60 * 60 * 5:
            marks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    return (
        f"display, {hours:g} h at 60 a second: {marks[-1] - marks[0]:.1f} MB more at most than after five"
        f" minutes ({time.perf_counter() - began:.0f} s of real time)"
    )


def turbo(size: int, seconds: float = 2.0) -> str:
    """A stretch of a song by SD-Turbo's architecture, random weights: every picture drawn, and at auto."""
    from benchmarks.sd import make_tree

    took = {}
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "sd-turbo"
        make_tree(tree, "sd-turbo", 1.0)
        song = write_song(Path(folder) / "song.wav", TEMPO, 8)
        config = PipelineConfig()
        config.diffusion.model, config.audio.fps = str(tree), 12
        config.inference.width = config.inference.height = size
        base = load_pipeline(config.diffusion, config.inference)
        options = RenderOptions(duration=seconds)
        for cadence in (1, "auto"):
            config.stream.cadence = cadence
            began = time.perf_counter()
            report = render(song, Path(folder) / f"{cadence}.mp4", config, options, base=base)
            took[cadence] = time.perf_counter() - began
    return (
        f"SD-Turbo's architecture at {size}, {seconds:g} s at 12 a second: {took[1]:.0f} s with every picture"
        f" drawn, {took['auto']:.0f} s at auto, measuring included ({took[1] / took['auto']:.1f} x;"
        f" {' '.join(report.notes)})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "what",
        nargs="*",
        choices=[*CHOICES, []],
        help=f"of {', '.join(CHOICES)} (default: page renders)",
    )
    parser.add_argument("--key", type=float, default=0.4, help="seconds a key takes (default 0.4)")
    parser.add_argument("--seconds", type=float, default=10, help="of page and beat (default 10)")
    parser.add_argument("--hours", type=float, default=4, help="of endless (default 4)")
    parser.add_argument("--size", type=int, default=512, help="of turbo (default 512)")
    parser.add_argument("--card", action="store_true", help="WebGL2, drawn by software")
    args = parser.parse_args()
    Slow.seconds = args.key
    rows = {
        "page": lambda: page(args.seconds, args.card),
        "renders": lambda: renders(2.0),
        "beat": lambda: beat(args.seconds),
        "jump": jump,
        "sharp": sharp,
        "endless": lambda: endless(args.hours),
        "turbo": lambda: turbo(args.size),
    }
    for name in args.what or ["page", "renders"]:
        print(f"{rows[name]()}  [load {os.getloadavg()[0]:.1f}]", flush=True)


if __name__ == "__main__":
    main()
