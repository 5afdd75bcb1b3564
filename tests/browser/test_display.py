"""The page's display on a graphics card's program, against show/display.py; and at what rate it shows."""

from __future__ import annotations

import base64
import io
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from phosphene.show.display import Motion, between, moved, punch
from tests.browser.tools import CHROMIUM, FLAGS

WEB = Path(__file__).parents[2] / "web"
SOFTWARE_CARD = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
BUNDLE = """
import { build } from 'rolldown';
const { output } = await build({ input: process.argv[1], write: false, output: { format: 'esm' } });
process.stdout.write(output[0].code);
"""
ENTRY = """
import { GlPainter } from '%(src)s/picture/gl';
import { Brush } from '%(src)s/picture/brush';
const card = new GlPainter(true);
const sheet = async (address) => {
  const image = await createImageBitmap(await (await fetch(address)).blob());
  return { image, width: image.width, height: image.height, close() {} };
};
const pixels = (canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
window.card = card;
window.paint = async (first, second, a, b, share, crisp) => {
  const one = await sheet(first);
  const two = second && (await sheet(second));
  const seen = { first: one, firstMotion: a, second: two, secondMotion: b, share };
  const box = { x: 0, y: 0, width: one.width, height: one.height };
  if (!card.paint(seen, one.width, one.height, box, 0, crisp)) throw new Error(card.why);
  const flat = new OffscreenCanvas(one.width, one.height);
  flat.getContext('2d').drawImage(card.canvas, 0, 0);
  return [...pixels(flat).data];
};
window.plain = async (first, a) => {
  const one = await sheet(first);
  const canvas = document.createElement('canvas');
  canvas.width = one.width;
  canvas.height = one.height;
  const seen = { first: one, firstMotion: a, second: null, secondMotion: a, share: 0 };
  const brush = new Brush();
  brush.draw(canvas.getContext('2d'), seen, { x: 0, y: 0, width: one.width, height: one.height }, 0);
  return [brush.why, [...pixels(canvas).data]];
};
window.ready = true;
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page's painters as one script."""
    entry = tmp_path_factory.mktemp("display") / "entry.ts"
    entry.write_text(ENTRY % {"src": (WEB / "src").as_posix()})
    node = Path(__file__).parents[2] / ".venv/bin/node"
    if not node.exists() or not (WEB / "node_modules/rolldown").exists():
        pytest.skip("the page's tools are not installed (npm ci in web/)")
    command = [str(node), "--input-type=module", "-e", BUNDLE, str(entry)]
    return subprocess.run(command, cwd=WEB, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def card(needs_chromium: None) -> Iterator[Browser]:
    """A browser whose graphics card is software."""
    flags = [flag for flag in FLAGS if flag != "--disable-gpu"] + SOFTWARE_CARD
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page(card: Browser, bundle: str) -> Iterator[Page]:
    page = card.new_page()
    page.goto("data:text/html,<title>display</title>")
    page.add_script_tag(content=bundle, type="module")
    page.wait_for_function("() => window.ready")
    yield page
    page.close()


def scene(seed: int, height: int = 144, width: int = 256, fine: int = 20) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (fine, fine, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC))


def address(picture: np.ndarray) -> str:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def told(motion: Motion) -> dict[str, list[float]]:
    parts = {"turn": motion.turn, "shift": motion.shift, "ripple": motion.ripple}
    return {name: [part.real, part.imag] for name, part in parts.items()}


def rgb(data: Any, like: np.ndarray) -> np.ndarray:
    return np.array(data, float).reshape(*like.shape[:2], 4)[..., :3]


MOTIONS = [
    Motion(),
    Motion(1.1 + 0.15j, 0.02 - 0.03j),
    Motion(0.8 - 0.2j, 0.1 + 0.05j, 0.008 + 0.004j),
    punch(0.03, 2.0),
]


@pytest.mark.parametrize("motion", MOTIONS)
def test_the_card_moves_pictures_as_python_does(page: Page, motion: Motion) -> None:
    picture = scene(1)
    data = page.evaluate(
        "([p, m]) => paint(p, null, m, m, 0, true)", [address(picture), told(motion)]
    )
    wanted = moved(picture, motion).astype(float)
    error = np.abs(rgb(data, picture) - wanted)
    # two bicubics and quads in place of waves: a level or two
    assert error.mean() < 2.0
    assert np.percentile(error, 99) < 10


@pytest.mark.parametrize("share", [0.2, 0.5, 0.65, 0.9])
def test_the_card_mixes_as_python_does(page: Page, share: float) -> None:
    one, two, whole = scene(2), scene(3), Motion(1.2 + 0.1j, 0.03j)
    since = whole.part(share)
    ahead = whole.back.then(since)
    data = page.evaluate(
        "([p, q, a, b, s]) => paint(p, q, a, b, s, true)",
        [address(one), address(two), told(since), told(ahead), share],
    )
    wanted = between(one, two, since, whole, share).astype(float)
    error = np.abs(rgb(data, one) - wanted)
    assert error.mean() < 3.0
    assert np.percentile(error, 99) < 16


@pytest.mark.parametrize("motion", MOTIONS[:2])
def test_without_a_card_it_is_the_same_picture_and_says_so(page: Page, motion: Motion) -> None:
    picture = scene(4)
    why, data = page.evaluate("([p, m]) => plain(p, m)", [address(picture), told(motion)])
    assert "graphics card" in why
    wanted = moved(picture, motion, crisp=False).astype(float)
    error = np.abs(rgb(data, picture) - wanted)
    assert error.mean() < 2.5


def test_a_card_that_is_lost_says_so_and_comes_back(page: Page) -> None:
    picture = address(scene(5))
    lost = page.evaluate(
        """async (p) => {
          const gl = card.canvas.getContext('webgl2');
          const lose = gl.getExtension('WEBGL_lose_context');
          const before = card.why;
          lose.loseContext();
          await new Promise((done) => card.canvas.addEventListener('webglcontextlost', done, { once: true }));
          await new Promise((done) => setTimeout(done, 50));
          const during = card.why;
          lose.restoreContext();
          await new Promise((done) => setTimeout(done, 500));
          const rest = { turn: [1, 0], shift: [0, 0], ripple: [0, 0] };
          const again = await paint(p, null, rest, rest, 0, false);
          return [before, during, card.why, again.some((v, i) => i % 4 < 3 && v > 0)];
        }""",
        picture,
    )
    assert lost == ["", "the graphics card was lost", "", True]
