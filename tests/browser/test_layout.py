"""One layout from a small phone to a wall: nothing covers anything, fingers fit, everybody can use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import opened
from tests.browser.tools import Server, Visit

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
FINGERS = [(360, 640), (390, 844), (844, 390), (820, 1180)]
MOUSE = [(1024, 768), (1280, 800), (1920, 1080), (3840, 2160)]
# what lies over something else, sticks out, or cannot be hit in its middle
COVERED = """() => {
  const seen = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getBoundingClientRect().width > 1;
  const name = (e) => e.className + ' ' + (e.ariaLabel ?? e.textContent).slice(0, 30);
  const boxes = [...document.querySelectorAll('.panel')].filter(seen)
    .map((e) => [name(e), e.getBoundingClientRect()]);
  const wrong = [];
  boxes.forEach(([a, r], i) => {
    if (r.left < -1 || r.top < -1 || r.right > innerWidth + 1 || r.bottom > innerHeight + 1)
      wrong.push(`${a} sticks out`);
    for (const [b, s] of boxes.slice(i + 1))
      if (r.left < s.right - 1 && s.left < r.right - 1 && r.top < s.bottom - 1 && s.top < r.bottom - 1)
        wrong.push(`${a} over ${b}`);
  });
  for (const e of document.querySelectorAll('.chrome :is(button, input, select)')) {
    if (!seen(e) || e.matches('.unseen')) continue;
    if (e.closest('.drawer-scroll, .set-scroll')) {
      e.scrollIntoView({ block: 'center' });
    }
    const r = e.getBoundingClientRect();
    const hit = document.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2);
    if (!e.contains(hit) && !hit?.contains(e) && hit?.closest('.look') !== e.closest('.look'))
      wrong.push(`${name(e)} is covered by ${hit && name(hit)}`);
    else if (hit !== e && !e.contains(hit) && !hit.closest('.look, label, .song-strip'))
      wrong.push(`${name(e)} is behind ${name(hit)}`);
  }
  if (document.documentElement.scrollWidth > innerWidth) wrong.push('the page scrolls sideways');
  const scroll = document.querySelector('.drawer-scroll');
  if (scroll?.scrollWidth > scroll.clientWidth) wrong.push('the drawer scrolls sideways');
  return wrong;
}"""
SMALL = """() => [...document.querySelectorAll('.chrome :is(button, input, select, summary)')]
  .filter((e) => e.checkVisibility() && !e.matches('.unseen, [type=file], .cue, label [type=checkbox]'))
  .map((e) => [e, e.getBoundingClientRect()])
  .filter(([, { width, height }]) => width < 39.5 || height < 39.5)
  .map(([e, { width, height }]) => [e.className, e.ariaLabel, e.textContent.slice(0, 9), width].join())"""


@pytest.fixture(scope="module")
def fingers(server: Server, browser: Browser, clicks: Path) -> Iterator[Visit]:
    with opened(browser, server.url, 390, 844, touch=True) as visit:
        yield ready(visit, clicks)


@pytest.fixture(scope="module")
def mouse(server: Server, browser: Browser, clicks: Path) -> Iterator[Visit]:
    with opened(browser, server.url) as visit:
        yield ready(visit, clicks)


def ready(visit: Visit, clicks: Path) -> Visit:
    """With a song, and an own look whose name and prompt are one long word."""
    visit.wait_for_pictures(1)
    page = visit.page
    page.evaluate(
        """() => {
          const values = { 'prompt.base_prompt': 'x'.repeat(300) };
          localStorage['phosphene.presets'] = JSON.stringify([{ name: 'y'.repeat(40), values }]);
          localStorage['phosphene.pinned'] = 'true';
          localStorage['phosphene.drawer'] = 'true';
          localStorage['phosphene.prompts'] = JSON.stringify(['z'.repeat(300)]);
        }"""
    )
    page.reload()
    visit.wait_for_pictures(1)
    page.set_input_files("input[aria-label='Song file']", clicks)
    expect(page.locator(".song-name")).to_be_visible()
    return visit


def look_at(visit: Visit, width: int, height: int) -> None:
    page = visit.page
    page.set_viewport_size({"width": width, "height": height})
    page.mouse.move(width / 2, height / 3)
    for part in (".top", ".drawer", ".bottom"):
        expect(page.locator(part)).to_be_visible()
    assert page.evaluate(COVERED) == [], "with the controls open"
    page.keyboard.press("o")
    expect(page.locator(".drawer")).to_be_hidden()
    assert page.evaluate(COVERED) == [], "with the controls closed"
    page.keyboard.press("o")


@pytest.mark.parametrize(("width", "height"), MOUSE)
def test_nothing_covers_anything(mouse: Visit, width: int, height: int) -> None:
    look_at(mouse, width, height)


@pytest.mark.parametrize(("width", "height"), FINGERS)
def test_nothing_covers_anything_and_fingers_fit(fingers: Visit, width: int, height: int) -> None:
    look_at(fingers, width, height)
    assert fingers.page.evaluate(SMALL) == []


@pytest.mark.parametrize(("width", "height"), [(390, 844), (360, 640), (820, 1180), (1280, 800)])
def test_the_set_leaves_the_dock_whole(
    mouse: Visit, fingers: Visit, width: int, height: int
) -> None:
    visit = mouse if width > 1000 else fingers
    page = visit.page
    page.set_viewport_size({"width": width, "height": height})
    page.keyboard.press("o")
    page.keyboard.press("e")
    try:
        expect(page.locator(".set")).to_be_visible()
        page.mouse.move(width / 2, height / 3)
        assert page.evaluate(COVERED) == []
        if visit is fingers:
            assert page.evaluate(SMALL) == []
    finally:
        page.keyboard.press("e")
        page.keyboard.press("o")


def serious(visit: Visit) -> list[str]:
    found: dict[str, Any] = visit.page.evaluate(
        "axe.run(document, { resultTypes: ['violations'] })"
    )
    return [
        f"{one['id']}: {[node['html'][:90] for node in one['nodes'][:3]]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


def test_axe_finds_nothing_serious(mouse: Visit) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed (cd web && npm ci)")
    page = mouse.page
    page.set_viewport_size({"width": 1280, "height": 800})
    page.evaluate(AXE.read_text())
    page.locator(".looks").scroll_into_view_if_needed()
    assert serious(mouse) == []
    page.fill("#search", "tempo")
    assert serious(mouse) == []
    page.fill("#search", "")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert serious(mouse) == []
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    expect(page.locator(".set")).to_be_visible()
    assert serious(mouse) == []
    page.keyboard.press("e")


def test_keyboard_alone_from_the_start_to_a_played_song(
    server: Server, browser: Browser, clicks: Path
) -> None:
    with opened(browser, server.url) as visit:
        page = visit.page
        visit.wait_for_pictures(1)
        with page.expect_file_chooser() as chooser:
            for _ in range(200):
                page.keyboard.press("Tab")
                if page.evaluate("document.activeElement.textContent") == "Song":
                    break
            page.keyboard.press("Enter")
        chooser.value.set_files(clicks)
        expect(page.locator(".song-name")).to_have_text(clicks.stem)
        page.wait_for_function("() => loudness() > 0.05")
        assert visit.problems == []
