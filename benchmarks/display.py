"""What the display makes of a slow model: rates in the real page, and of a render with and without cadence.

    python benchmarks/display.py                 a stand-in that takes 400 ms a key, ten seconds of page
    python benchmarks/display.py --key 1.0 --seconds 30 --card

The stand-in changes nothing of the picture that it is shown, so whatever moves is the display. Chromium draws
on the processor here, by a 2-D canvas; --card has it draw with WebGL2 by software, which says nothing about a
graphics card.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))
from phosphene.config import DiffusionConfig, InferenceConfig, PipelineConfig
from phosphene.show.dream import dream
from phosphene.show.render import RenderOptions
from tests.browser.tools import CHROMIUM, FLAGS, WATCH
from tests.server.conftest import serving
from tests.show.toy import ToyPipeline

CARD = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
COUNT = "window.frames_ = 0; addEventListener('phosphene-frame', () => window.frames_++, true);"


class Slow(ToyPipeline):
    """Takes ``seconds`` a key and leaves the picture as it is."""

    seconds = 0.4

    def denoise(self, latents, timesteps, embeds, context):
        time.sleep(self.seconds)
        scene = np.random.default_rng(3).uniform(-1, 1, latents.shape).astype(np.float32)
        x0 = scene if context.previous is None else context.previous
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--key", type=float, default=0.4, help="seconds a key takes (default 0.4)")
    parser.add_argument("--seconds", type=float, default=10, help="of the page (default 10)")
    parser.add_argument("--card", action="store_true", help="WebGL2, drawn by software")
    args = parser.parse_args()
    Slow.seconds = args.key
    print(page(args.seconds, args.card))
    print(renders(2.0))


if __name__ == "__main__":
    main()
