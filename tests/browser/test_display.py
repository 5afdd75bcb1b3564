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

from phosphene.diffusion.lsd import painter
from phosphene.palettes import mix
from phosphene.server import wire
from phosphene.show.display import Motion, Way, between, moved, punch, reached_places
from phosphene.show.live import Field
from phosphene.show.sinks.jpeg import to_planes
from phosphene.video.flash import FlashLimiter
from tests.browser.tools import CHROMIUM, FLAGS
from tests.video.flash_count import count_flashes

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
import { FlashGuard, HEIGHT, WIDTH } from '%(src)s/picture/flash';
import { decode } from '%(src)s/picture/sheet';
import { unpack } from '%(src)s/wire/frame';
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
const field = (message) => {
  const { payload, field } = unpack(Uint8Array.from(atob(message), (c) => c.charCodeAt(0)).buffer);
  return decode(payload, field);
};
window.fields = async (first, second, share, asImage) => {
  const one = await field(first);
  const two = second && (await field(second));
  if (asImage) return [...pixels(one.image).data];
  const rest = { turn: [1, 0], shift: [0, 0], ripple: [0, 0] };
  const seen = { first: one, firstMotion: rest, second: two, secondMotion: rest, share };
  const box = { x: 0, y: 0, width: one.width, height: one.height };
  if (!card.paint(seen, one.width, one.height, box, 0, true)) throw new Error(card.why);
  const flat = new OffscreenCanvas(one.width, one.height);
  flat.getContext('2d').drawImage(card.canvas, 0, 0);
  return [...pixels(flat).data];
};
window.held = (grids) => {
  const guard = new FlashGuard();
  return grids.map((grid, k) => {
    const small = new Uint8ClampedArray(4 * WIDTH * HEIGHT);
    for (let y = 0; y < HEIGHT; y++)
      for (let x = 0; x < WIDTH; x++) {
        const cell = grid[(y >> 2) * 16 + (x >> 3)];
        small.set([...cell, 255], 4 * (y * WIDTH + x));
      }
    const { light, share } = guard.shown(small, (1000 * k) / 60);
    return [light, share];
  });
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


def field_of(seed: int) -> Field:
    """Shapes with edges, and two colours of its own."""
    rng = np.random.default_rng(seed)
    planes = [Image.fromarray(rng.integers(0, 256, (5, 7), dtype=np.uint8)) for _ in range(2)]
    wide = np.stack([np.asarray(plane.resize((112, 64), 3)) for plane in planes])
    ends = rng.uniform(0, 255, (2, 3))
    palette = ends[0] + np.linspace(0, 1, 256)[:, None] * (ends[1] - ends[0])
    return Field(wide, palette.astype(np.uint8), 0.75)


def message(field: Field) -> str:
    payload = wire.field(field, (448, 256), to_planes(field.planes, 95))
    packet = wire.Packet(wire.Kind.FIELD_OUT, 1, 0.0, 0.0, payload, Way())
    return base64.b64encode(wire.pack(packet)).decode()


def painted(planes: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """What the server would have made of it."""
    field, colours = planes / np.float32(127.5) - 1, palette.astype(np.float32)
    return painter.Painter(1)(field[None], colours[None], 256, 448)[0] * 0.75


def test_the_card_colours_fields_as_the_painter_does(page: Page) -> None:
    field = field_of(6)
    data = page.evaluate("(m) => fields(m, null, 0)", message(field))
    wanted = painted(field.planes, field.palette)
    error = np.abs(rgb(data, wanted) - wanted)
    # what the planes lost as a JPEG, another bicubic, and a cell of the palette
    assert error.mean() < 1.5
    assert np.percentile(error, 99) < 8
    small = page.evaluate("(m) => fields(m, null, 0, true)", message(field))
    pixels = np.array(small, float).reshape(64, 112, 4)[..., :3]
    assert np.abs(pixels - wanted[2::4, 2::4]).mean() < 4.0


def test_fields_go_over_before_they_are_coloured(page: Page) -> None:
    one, two, share = field_of(7), field_of(8), 0.6
    data = page.evaluate("([a, b, s]) => fields(a, b, s)", [message(one), message(two), share])
    reached = reached_places(64, 112, share)[None]
    planes = one.planes + reached * (two.planes.astype(np.float32) - one.planes)
    both = np.stack([one.palette, two.palette]).astype(np.float32)
    wanted = painted(planes, mix(both, (1 - share, share)))
    error = np.abs(rgb(data, wanted) - wanted)
    assert error.mean() < 2.5
    assert np.percentile(error, 99) < 16


def flickering(frames: int) -> list[np.ndarray]:
    """(16, 16, 3) each: strobes, red ones, a corner of its own, calm between them, and light alone."""
    rng, shown = np.random.default_rng(9), []
    for k in range(frames):
        grid = np.full((16, 16, 3), 60, np.uint8)
        hot = (k // 5) % 2 == 0 and not 90 < k < 150
        if hot and k < 150:
            grid[: 4 + k // 12] = 230
        elif hot:
            grid[:, 3:] = (240, 10, 10)
        grid[12:, 12:] = rng.integers(0, 255)
        if k >= 240:
            grid[:] = 160 if hot else 90
        shown.append(grid)
    return shown


def test_the_page_holds_the_flashes_that_the_server_holds(page: Page) -> None:
    grids = flickering(360)
    ways = page.evaluate("(g) => held(g)", [grid.reshape(-1, 3).tolist() for grid in grids])
    limiter, last, alike, shown = FlashLimiter(60.0), None, 0, []
    for grid, (light, share) in zip(grids, ways, strict=True):
        frame = grid.repeat(4, axis=0).repeat(8, axis=1)
        wanted = limiter(frame).astype(float)
        lit = np.minimum(light * frame, 255)
        last = lit if last is None else last + share * (lit - last)
        # one of the 32 steps between the last picture and the new one
        alike += bool(np.abs(wanted - last).max() < 8)
        shown.append(np.rint(last).astype(np.uint8))
    lights, shares = zip(*ways, strict=True)
    assert sum(share < 1 for share in shares) > 20
    assert any(light != 1 and share == 1 for light, share in ways) and max(lights) <= 2
    # a threshold that is met to the last digit may be crossed a frame sooner
    assert alike > 348
    frames = [grid.repeat(4, axis=0).repeat(8, axis=1) for grid in grids]
    assert count_flashes(frames, 60.0) > 3
    assert count_flashes(shown, 60.0) <= 3


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
