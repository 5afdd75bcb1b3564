"""Take the pictures of the page that the docs show: a song that plays, and a set of three at five widths.

python benchmarks/screenshots.py [DIR]               default: docs/images
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.sets import HEARD
from phosphene.audio.compose import compose, write_wav
from tests.browser.tools import CHROMIUM, FLAGS, WATCH, Visit, start_server

Play = Callable[[Visit], None]

SIZES = {390: 844, 820: 1180, 1280: 800, 1920: 1080, 3840: 2160}
"""width of the window: its height"""
NAMES = {390: "set-phone", 1280: "set"}
SONGS = {"First light": (44, 112), "Undertow": (60, 124), "Afterglow": (48, 96)}
"""name: (seconds, beats a minute)"""
CUES = (
    (
        {"bar": 1, "look": "Ocean"}, {"bar": 9, "look": "Northern lights"},
        {"bar": 17, "prompt": "teal tunnel", "transition": 4},
    ),
    ({"bar": 1, "look": "Neon tunnel"}, {"bar": 13, "look": "Inferno"}, {"bar": 25, "blackout": True}),
    ({"bar": 1, "look": "Cathedral"}, {"bar": 9, "scene": True}, {"bar": 15, "look": "Sunset hills"}),
)  # fmt: skip
PLAYED = 90
"""pictures into the first song, when the shot is taken"""
QUALITY = 85


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    folder.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=60_000)  # a busy machine is slow, not wrong
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        files = []
        for number, (name, (seconds, tempo)) in enumerate(SONGS.items()):
            files.append(Path(scratch) / f"{name}.wav")
            write_wav(files[-1], *compose(seconds, number, tempo))
        told = Path(scratch) / "Friday.set"
        songs = [
            {"name": file.name, "path": file.name, "cues": cues}
            for file, cues in zip(files, CUES, strict=True)
        ]
        told.write_text(json.dumps({"phosphene_set": 1, "name": "Friday", "songs": songs}))

        def a_song(visit: Visit) -> None:
            visit.play_song(files[0])

        def the_set(visit: Visit) -> None:
            visit.page.keyboard.press("e")
            visit.page.set_input_files("input[aria-label='Set file']", told)
            visit.page.set_input_files("input[aria-label='Songs of the set']", files)
            visit.page.wait_for_function(HEARD, arg=len(files))
            visit.button(f"Play {files[0].stem}")

        shots: dict[str, tuple[int, Play]] = {"live": (1280, a_song), "live-phone": (390, a_song)}
        for width in SIZES:
            shots[NAMES.get(width, f"set-{width}")] = width, the_set
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name, (width, play) in shots.items():
            out = folder / f"{name}.jpg"
            shot(browser, width, play).save(out, quality=QUALITY, optimize=True)
            print(out, f"{out.stat().st_size / 1000:.0f} kB", flush=True)
        browser.close()


def shot(browser: Browser, width: int, play: Play) -> Image.Image:
    """The page while something plays in it."""
    # a server for each: the page of before would still be drawn for
    server = start_server(0, "--size", "1280x720")
    view = {"width": width, "height": SIZES[width]}
    context = browser.new_context(viewport=view, has_touch=width < 1000)
    try:
        context.set_default_timeout(120_000)
        context.add_init_script(WATCH)
        page = context.new_page()
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(server.url)
        visit = Visit(page)
        visit.wait_for_pictures(3)
        page.evaluate("localStorage['phosphene.pinned'] = 'true'")
        page.reload()
        visit.wait_for_pictures(3)
        play(visit)
        visit.wait_for_pictures(PLAYED)
        page.mouse.move(width / 2, 90)
        return Image.open(BytesIO(page.screenshot())).convert("RGB")
    finally:
        context.close()
        server.stop()


if __name__ == "__main__":
    main()
