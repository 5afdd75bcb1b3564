"""A real server, a real browser with a pretended camera and microphone, and files to play."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.tools import (
    CHROMIUM,
    FAKE_MIDI,
    FLAGS,
    WATCH,
    Server,
    Visit,
    start_server,
    write_clicks,
)


@pytest.fixture(autouse=True, scope="session")
def needs_chromium() -> None:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")


@pytest.fixture(scope="session")
def server(needs_chromium: None) -> Iterator[Server]:
    # small pictures: the browser draws on the same processor
    running = start_server(0, "--size", "256x256")
    yield running
    running.stop()


# not for the whole session: while playwright runs, its event loop counts as running in this
# thread, and every test after these that runs a loop of its own would fail
@pytest.fixture(scope="package")
def browser(needs_chromium: None) -> Iterator[Browser]:
    expect.set_options(timeout=60_000)  # a busy machine is slow, not wrong
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser,
    url: str,
    width: int = 1280,
    height: int = 800,
    touch: bool = False,
    script: str = "",
) -> Iterator[Visit]:
    """A page of its own, remembering nothing."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        has_touch=touch,
        is_mobile=touch,
        permissions=["camera", "microphone"],
        accept_downloads=True,
    )
    context.set_default_timeout(60_000)
    context.add_init_script(WATCH + script)
    page = context.new_page()
    visit = Visit(page)
    page.on("pageerror", lambda error: visit.problems.append(str(error)))
    page.on(
        "console",
        lambda said: (
            visit.problems.append(f"{said.text} ({said.location['url']})")
            if said.type == "error"
            else None
        ),
    )
    page.on(
        "request",
        lambda asked: None if _own(asked.url, url) else visit.foreign.append(asked.url),
    )
    page.goto(url)
    yield visit
    context.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Open a page of its own: ``open_page(url, width, height)``."""
    with ExitStack() as stack:
        yield lambda url, *given, **more: stack.enter_context(opened(browser, url, *given, **more))


@pytest.fixture
def visit(server: Server, open_page: Callable[..., Visit]) -> Visit:
    """The page, with pictures running."""
    here = open_page(server.url)
    here.wait_for_pictures(3)
    return here


@pytest.fixture(scope="module")
def shared(server: Server, browser: Browser) -> Iterator[Visit]:
    """One page for all tests of a file, with controllers that tests can plug in and play."""
    with opened(browser, server.url, script=FAKE_MIDI) as here:
        here.wait_for_pictures(3)
        yield here


@pytest.fixture(scope="session")
def clicks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clicks at 120 a minute for 40 s."""
    return write_clicks(tmp_path_factory.mktemp("clicks") / "clicks.wav", seconds=40)


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a bright bar that wanders, with a tone, VP8 and Opus."""
    import av

    path = tmp_path_factory.mktemp("film") / "film.webm"
    with av.open(str(path), "w") as container:
        video = container.add_stream(
            "libvpx", rate=25, options={"deadline": "realtime", "cpu-used": "8"}
        )
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        audio = container.add_stream("libopus", rate=48000)
        for i in range(50):
            picture = np.zeros((240, 320, 3), np.uint8)
            picture[:, (i * 6) % 280 :][:, :40] = (255, 200, 0)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(video.encode(None))
        tone = np.sin(2 * np.pi * 440 * np.arange(96000) / 48000).astype(np.float32) * 0.3
        for start in range(0, 96000, 960):
            block = av.AudioFrame.from_ndarray(tone[None, start : start + 960], "flt", "mono")
            block.sample_rate, block.pts = 48000, start
            container.mux(audio.encode(block))
        container.mux(audio.encode(None))
    return path


def _own(address: str, url: str) -> bool:
    return address.startswith((url, url.replace("http", "ws", 1), "blob:", "data:"))
