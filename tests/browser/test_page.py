"""The page loads clean, answers to the keyboard, and fits a phone."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.tools import Server, Visit

PUSHES = """
window.pushed = 0;
addEventListener('phosphene-frame', ({ detail }) => { window.pushed += detail.pushed; }, true);
"""


def test_loads_without_errors_and_asks_nobody_else(visit: Visit) -> None:
    visit.wait_for_pictures(10)
    visit.button("Keys and help (?)")
    visit.page.keyboard.press("Escape")
    assert visit.problems == []
    assert visit.foreign == []


def test_view_is_the_picture_and_nothing_else(visit: Visit, server: Server, open_page) -> None:
    bare = open_page(f"{server.url}view")
    bare.page.wait_for_function(
        """() => {
          const canvas = document.querySelector('#stage');
          const pixel = canvas.getContext('2d').getImageData(5, 5, 1, 1).data;
          return pixel[3] === 255 && pixel[0] + pixel[1] + pixel[2] > 0;
        }"""
    )
    assert bare.page.locator("button, input, a").count() == 0
    assert bare.page.inner_text("body").strip() == ""
    assert bare.problems == []
    visit.wait_for_pictures(1)


def test_view_punches_where_keys_are_too_slow_to(
    visit: Visit, server: Server, open_page, clicks: Path
) -> None:
    visit.play_song(clicks)
    bare = open_page(f"{server.url}view", script=PUSHES)
    visit.page.evaluate(
        "sockets.at(-1).send(JSON.stringify({ type: 'set', id: 999, values: { 'stream.cadence': 12 } }))"
    )
    bare.page.wait_for_function("() => pushed > 10")


def test_keyboard_reaches_everything(visit: Visit) -> None:
    page = visit.page
    reached, ringed = set(), set()
    page.keyboard.press("Tab")
    for _ in range(120):
        name, ring = page.evaluate(
            """() => {
              const at = document.activeElement;
              const name = at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent;
              const thumb = getComputedStyle(at, '::-webkit-slider-thumb');
              const outline = at.type === 'range' ? thumb : getComputedStyle(at);
              return [name.trim(), at.matches(':focus-visible') && outline.outlineStyle !== 'none'];
            }"""
        )
        reached.add(name)
        if ring:
            ringed.add(name)
        page.keyboard.press("Tab")
    wanted = {
        *("Record (R)", "Save a picture (S)", "Full screen (F)", "Tap the beat"),
        *("Dream", "Song", "Microphone", "Camera", "Video"),
        *("Prompt: what to draw", "Reactivity", "Zoom", "Search all settings and actions"),
    }
    assert wanted <= reached
    # the seek bar and the sliders show their focus on other parts
    assert wanted - {"Reactivity", "Zoom"} <= ringed


def test_keys_do_what_the_list_says(visit: Visit) -> None:
    page = visit.page
    drawer = page.get_by_role("complementary", name="Controls")
    expect(drawer).to_be_visible()
    page.keyboard.press("o")
    expect(drawer).to_be_hidden()
    # a busy page hears late that its dialog was closed, here never: the next key must still count
    page.evaluate("addEventListener('close', (event) => event.stopPropagation(), true)")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("c")
    expect(page.locator("body")).to_have_attribute("data-fit", "contain")
    page.keyboard.press("p")
    expect(page.locator("#prompt-0")).to_be_focused()
    page.keyboard.type("of")
    # letters are letters while somebody writes
    expect(drawer).to_be_visible()
    with page.expect_download() as download:
        page.keyboard.press("Tab")
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("s")
    assert download.value.suggested_filename.endswith(".png")
    assert visit.problems == []


def test_arrow_keys_move_a_slider_and_the_server_follows(visit: Visit, server: Server) -> None:
    page = visit.page
    slider = page.get_by_role("slider", name="Zoom", exact=True)
    slider.focus()
    page.keyboard.press("End")
    visit.until(lambda: "zoom = 4" in visit.config(server.url))
    # and it is remembered after a reload
    page.reload()
    visit.wait_for_pictures(2)
    assert page.get_by_role("slider", name="Zoom", exact=True).input_value() == "4"


def test_a_refused_value_says_why_and_goes_back(visit: Visit) -> None:
    page = visit.page
    page.mouse.move(300, 300)
    page.fill("#search", "inference width")
    box = page.get_by_role("textbox", name="Width", exact=True)
    usual = box.input_value()
    box.fill("250")
    page.keyboard.press("Enter")
    complaint = page.locator(".complaint")
    expect(complaint).to_contain_text("width")
    expect(box).to_have_value(usual)


def test_interface_fades_and_comes_back(visit: Visit) -> None:
    page = visit.page
    page.mouse.move(500, 300)
    dock = page.locator(".bottom")
    expect(dock).to_have_css("opacity", "1")
    expect(dock).to_have_css("opacity", "0", timeout=15_000)
    # what went wrong is said to whoever comes back, too
    expect(page.locator(".banners")).to_have_css("opacity", "1")
    page.mouse.move(520, 320)
    expect(dock).to_have_css("opacity", "1")
