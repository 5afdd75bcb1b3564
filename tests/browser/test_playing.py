"""Played as on a stage: the panic row, looks, prompts, the beat, names, controllers, a first visitor."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from tests.browser.tools import Server, Visit

RIGHT = [0xB0, 30, 1]
LEFT = [0xB0, 30, 127]


# five taps, 700 ms apart whatever else the machine does
TAPS = """async () => {
  const began = performance.now();
  for (let k = 0; k < 5; k++) {
    await new Promise((go) => setTimeout(go, began + 700 * k - performance.now()));
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 't', bubbles: true }));
  }
}"""


@pytest.fixture(autouse=True)
def rested(shared: Visit) -> Iterator[None]:
    """Every test finds the controls in sight, and leaves no dialog open."""
    shared.page.mouse.move(300, 300)
    shared.page.mouse.move(310, 310)
    yield
    shared.page.keyboard.press("Escape")


def button(visit: Visit, name: str) -> Locator:
    return visit.page.get_by_role("button", name=name, exact=True)


def slider(visit: Visit, name: str) -> Locator:
    return visit.page.get_by_role("slider", name=name, exact=True)


def write(visit: Visit, prompt: str) -> None:
    visit.page.fill("#prompt-0", prompt)
    visit.page.press("#prompt-0", "Enter")


def lit(visit: Visit) -> list[str]:
    cards = visit.page.locator(".look-pick[aria-pressed=true] .look-name")
    return cards.all_inner_texts()


def test_a_first_visitor_hears_and_sees_it_with_one_click(shared: Visit, server: Server) -> None:
    page = shared.page
    expect(page.locator(".welcome")).to_contain_text("Drop a song anywhere")
    button(shared, "Play a demo song").click()
    expect(page.locator(".song-name")).to_have_text("phosphene demo")
    page.wait_for_function("() => loudness() > 0.01")
    expect(page.locator(".welcome")).to_have_count(0)
    shared.until(lambda: shared.session(server.url)["hear"] == "song")
    button(shared, "Dream").click()
    # who has played needs no welcome
    expect(page.locator(".song")).to_have_count(0)
    expect(page.locator(".welcome")).to_have_count(0)


def test_panic_with_keys(shared: Visit, server: Server) -> None:
    page = shared.page
    stage = page.locator("#stage")
    assert shared.glance().mean() > 5
    page.keyboard.press("b")
    expect(stage).to_have_css("opacity", "0")
    # everybody else sees it, too: the server's picture is dark
    shared.until(lambda: shared.glance().mean() < 0.5)
    page.keyboard.press("b")
    expect(stage).to_have_css("opacity", "1")
    shared.until(lambda: shared.glance().mean() > 5)
    page.keyboard.press("x")
    expect(button(shared, "Freeze")).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(300)
    count, before = shared.count(), shared.glance()
    page.wait_for_timeout(700)
    assert shared.count() == count
    assert np.array_equal(shared.glance(), before)
    page.keyboard.press("x")
    shared.wait_for_pictures(2)
    for _ in range(3):
        page.keyboard.press("-")
    expect(slider(shared, "Master light")).to_have_value("0.7")
    page.keyboard.press("q")
    expect(button(shared, "Strobe-safe")).to_have_class(re.compile("warn"))
    # the way back: the last look, whole, in full light
    page.keyboard.press("4")
    write(shared, "crimson lava")
    expect(page.locator(".look-pick.changed .look-name")).to_have_text("Ocean")
    page.keyboard.press("b")
    page.keyboard.press("Backspace")
    expect(slider(shared, "Master light")).to_have_value("1")
    expect(stage).to_have_css("opacity", "1")
    assert lit(shared) == ["Ocean"]
    shared.until(lambda: "limit_flashes = true" in shared.config(server.url))
    config = shared.config(server.url)
    assert "blackout = false" in config and "crimson lava" not in config
    page.keyboard.press("ArrowRight")
    assert lit(shared) == ["Inferno"]
    page.keyboard.press("ArrowLeft")
    assert lit(shared) == ["Ocean"]


def test_volume_and_mute_are_the_rooms_and_nobody_elses(shared: Visit, clicks: Path) -> None:
    page = shared.page
    shared.play_song(clicks)
    page.wait_for_function("() => loudness() > 0.1")
    page.keyboard.press("v")
    page.wait_for_function("() => loudness() < 0.001")
    expect(button(shared, "Mute")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("PageDown")
    expect(slider(shared, "Volume")).to_have_value("0.95")
    page.wait_for_function("() => loudness() > 0.1")


def test_one_truth_about_the_beat(shared: Visit, clicks: Path) -> None:
    page = shared.page
    figure, strip = page.locator(".tempo-figure"), page.locator(".song-state")
    expect(figure).to_have_text("120.0")
    expect(strip).to_contain_text("120.0")
    page.keyboard.press("]")
    expect(figure).to_have_text("240.0")
    expect(strip).to_contain_text("240.0")
    # a pause changes nothing about it
    page.keyboard.press(" ")
    expect(button(shared, "Play (space)")).to_be_visible()
    page.wait_for_timeout(600)
    expect(figure).to_have_text("240.0")
    expect(strip).to_contain_text("240.0")
    page.keyboard.press(" ")
    page.keyboard.press("l")
    expect(figure).to_have_text("120.0")
    # taps are seen, and four of them are heard over the song: one beat in three of its ticks
    page.keyboard.press("t")
    expect(page.locator(".taps")).to_contain_text("tap 1 of 4")
    page.wait_for_timeout(2600)
    page.evaluate(TAPS)
    expect(page.locator(".taps")).to_contain_text("5 taps")
    page.wait_for_function(
        """() => {
          const figure = Number(document.querySelector('.tempo-figure').textContent);
          const strip = document.querySelector('.song-state').textContent;
          return figure > 65 && figure < 95 && strip.startsWith(figure.toFixed(1));
        }"""
    )
    page.keyboard.press("l")
    expect(strip).to_contain_text("120.0")


def test_a_source_that_is_lit_turns_off_and_comes_back_as_it_was(shared: Visit, film: Path) -> None:
    page = shared.page
    at = shared.position()
    button(shared, "Song").click()
    expect(page.locator(".song")).to_have_count(0)
    button(shared, "Song").click()
    expect(button(shared, "Pause (space)")).to_be_visible()
    assert shared.position() >= at
    # a video has a transport, too
    page.set_input_files("input[aria-label='Video file']", film)
    expect(page.locator(".song-name")).to_have_text("film")
    page.keyboard.press(" ")
    expect(button(shared, "Play (space)")).to_be_visible()
    page.get_by_label("Position in the video").evaluate(
        "e => { e.valueAsNumber = 0.5; e.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    shared.until(lambda: shared.position() == 1)
    button(shared, "Video").click()
    button(shared, "Dream").click()


def test_enter_gives_the_keys_back_and_prompts_can_be_taken_back(
    shared: Visit, server: Server
) -> None:
    page = shared.page
    box = page.locator("#prompt-0")
    write(shared, "amber dunes")
    write(shared, "teal waves")
    expect(box).not_to_be_focused()
    page.keyboard.press("n")
    expect(box).to_have_value("teal waves")
    write(shared, "gold marble")
    shared.until(lambda: "gold marble" in shared.config(server.url))
    page.keyboard.press("u")
    expect(box).to_have_value("teal waves")
    shared.until(lambda: "teal waves" in shared.config(server.url))
    page.keyboard.press("p")
    page.keyboard.press("ArrowUp")
    expect(box).to_have_value("amber dunes")
    page.keyboard.press("Escape")
    expect(box).to_have_value("teal waves")
    page.get_by_text("Earlier prompts").click()
    page.locator(".past-prompt", has_text="gold marble").click()
    expect(box).to_have_value("gold marble")
    write(shared, "x" * 400)
    drawer = page.locator(".drawer-scroll")
    assert drawer.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("u")


def test_looks_are_lit_only_while_they_are_on_show(shared: Visit) -> None:
    page = shared.page
    page.keyboard.press("Shift+Digit3")
    assert lit(shared) == ["Microscope"]
    write(shared, "something else")
    assert lit(shared) == []
    # its card never shows another picture
    page.wait_for_timeout(3500)
    assert "look:Microscope" not in page.evaluate("localStorage['phosphene.thumbnails'] ?? ''")
    page.keyboard.press("u")
    assert lit(shared) == ["Microscope"]
    # an own look may have the name of another one: it is itself
    page.fill(".keep input[type=text]", "Ocean")
    page.keyboard.press("Enter")
    expect(page.locator(".banners")).to_contain_text("is kept")
    assert lit(shared) == ["Ocean"]
    page.keyboard.press("4")
    assert lit(shared) == ["Ocean"]
    expect(page.locator("#prompt-0")).to_have_value(re.compile("ocean"))
    page.keyboard.press("Shift+Digit7")
    expect(page.locator("#prompt-0")).not_to_have_value(re.compile("ocean"))
    # keeping it again replaces it, deleting takes it away: both can be undone
    write(shared, "a new ocean")
    page.fill(".keep input[type=text]", "Ocean")
    button(shared, "Replace").click()
    expect(page.locator(".banners")).to_contain_text("is replaced")
    button(shared, "Delete Ocean").click()
    expect(button(shared, "Delete Ocean")).to_have_count(0)
    button(shared, "Undo").click()
    expect(button(shared, "Delete Ocean")).to_have_count(1)
    page.keyboard.press("Shift+Digit7")
    expect(page.locator("#prompt-0")).to_have_value("a new ocean")


def test_one_name_for_each_setting_and_the_search_knows_more(shared: Visit) -> None:
    page = shared.page
    for word, name in (
        *(("anchor", "Hold to the shape"), ("rotate", "Turn"), ("beat_punch", "Punch on the beat")),
        *(("mirror", "Mirror the camera"), ("takeover", "Knobs wait until they reach the value")),
        *(("tap", "Tap the beat"), ("beamer", "Output window for the second screen")),
    ):
        page.fill("#search", word)
        found = page.locator(".drawer-scroll").get_by_text(name, exact=False).first
        expect(found).to_be_visible()
    page.fill("#search", "tcd")
    expect(page.get_by_role("heading", name="For experts")).to_be_visible()
    page.fill("#search", "zoom")
    expect(page.get_by_role("heading", name="For experts")).to_have_count(0)
    page.press("#search", "Escape")
    expect(page.locator("#search")).to_have_value("")
    names = page.locator(".drawer .field label").all_text_contents()
    for name in ("Hold to the shape", "Turn", "Punch on the beat", "Zoom"):
        assert names.count(name) == 2, f"{name}: in Feel, and among all settings"
    assert "Anchor" not in names and "Rotate" not in names


def learn(visit: Visit, control: Locator, index: int, message: list[int]) -> None:
    page = visit.page
    page.keyboard.press("m")
    control.click()
    page.evaluate("([index, bytes]) => midi.send(index, ...bytes)", [index, message])
    page.keyboard.press("Escape")


def send(visit: Visit, index: int, messages: list[list[int]]) -> None:
    visit.page.evaluate(
        "([index, all]) => all.forEach((bytes) => midi.send(index, ...bytes))", [index, messages]
    )


def test_a_refusal_says_what_to_do(shared: Visit) -> None:
    page = shared.page
    page.evaluate("midi.refuse = true")
    page.keyboard.press("m")
    said = page.locator(".banners")
    expect(said).to_contain_text("MIDI was not allowed: allow it")
    assert "Chrome" not in said.inner_text()
    page.evaluate("midi.refuse = false")
    page.keyboard.press("Escape")


@pytest.fixture
def controllers(shared: Visit) -> None:
    """One with endless knobs, and two of the same make."""
    page = shared.page
    if page.evaluate("midi.inputs.size") == 0:
        page.keyboard.press("m")
        page.evaluate("midi.plug('Endless One'); midi.plug('Faders Two'); midi.plug('Faders Two')")
        page.keyboard.press("Escape")


@pytest.mark.usefixtures("controllers")
def test_endless_knobs_turn_a_slider_by_steps(shared: Visit) -> None:
    page = shared.page
    control = slider(shared, "Reactivity")
    control.fill("2")
    learn(shared, page.locator(".field", has=control), 0, RIGHT)
    seen = []
    for messages in ([RIGHT] * 5, [LEFT] * 3, [RIGHT, LEFT] * 4, [LEFT] * 5):
        for message in messages:
            send(shared, 0, [message])
            seen.append(float(control.input_value()))
    assert max(abs(b - a) for a, b in pairwise(seen)) <= 0.05, seen
    assert all(1.5 < value < 2.5 for value in seen), seen
    assert seen[4] > 2.1 and seen[-1] < seen[4]
    expect(page.locator(".mappings select")).to_have_value("twos")


@pytest.mark.usefixtures("controllers")
def test_a_knob_waits_until_it_reaches_the_value(shared: Visit) -> None:
    page = shared.page
    control = slider(shared, "Punch on the beat")
    control.fill("2")
    learn(shared, page.locator(".field", has=control), 1, [0xB0, 21, 3])
    send(shared, 1, [[0xB0, 21, value] for value in range(4, 40, 4)])
    expect(control).to_have_value("2")
    expect(page.locator(".knob", has_text="CC 21 ↑").first).to_be_visible()
    send(shared, 1, [[0xB0, 21, value] for value in range(40, 100, 4)])
    assert float(control.input_value()) == pytest.approx(4 * 96 / 127, abs=0.03)
    # the panic row's sliders are learned as any other
    volume = slider(shared, "Volume")
    learn(shared, page.locator(".level", has=volume), 1, [0xB0, 22, 120])
    send(shared, 1, [[0xB0, 22, value] for value in range(127, 60, -4)])
    assert float(volume.input_value()) < 0.6
    volume.fill("1")
    # another hand takes it away again
    control.fill("1")
    send(shared, 1, [[0xB0, 21, 98]])
    expect(control).to_have_value("1")


@pytest.mark.usefixtures("controllers")
def test_a_button_is_pressed_once_per_press_and_devices_are_told_apart(
    shared: Visit, server: Server
) -> None:
    page = shared.page
    learn(shared, page.locator(".press", has_text="Next"), 1, [0xB0, 40, 0])
    page.keyboard.press("1")
    sweep = [[0xB0, 40, value] for value in range(1, 128)]
    send(shared, 1, sweep)
    assert lit(shared) == ["Neon tunnel"]
    send(shared, 1, sweep[::-1][1:])
    assert lit(shared) == ["Neon tunnel"]
    # the same control of its twin plays nothing, and an endless knob presses once a turn
    send(shared, 2, sweep)
    assert lit(shared) == ["Neon tunnel"]
    learn(shared, page.locator(".press", has_text="Next"), 0, [0xB0, 41, 1])
    page.wait_for_timeout(500)
    send(shared, 0, [[0xB0, 41, 1]] * 7)
    assert lit(shared) == ["Deep space"]
    # pads: blackout and a look; a key of the keyboard
    learn(shared, page.locator(".press", has_text="Blackout"), 2, [0x90, 36, 100])
    send(shared, 2, [[0x80, 36, 0], [0x90, 36, 90], [0x80, 36, 0]])
    expect(button(shared, "Blackout")).to_have_attribute("aria-pressed", "true")
    send(shared, 2, [[0x90, 36, 90], [0x90, 36, 0]])
    expect(button(shared, "Blackout")).to_have_attribute("aria-pressed", "false")
    learn(shared, page.locator(".look", has_text="Galaxy"), 2, [0x90, 37, 100])
    send(shared, 2, [[0x90, 37, 1]])
    assert lit(shared) == ["Galaxy"]
    page.keyboard.press("m")
    page.locator(".look", has_text="Gold ink").click()
    page.keyboard.press("g")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    assert lit(shared) == ["Gold ink"]


def test_mappings_are_kept_and_carried(shared: Visit, tmp_path: Path) -> None:
    page = shared.page
    kept = json.loads(page.evaluate("localStorage['phosphene.controllers']"))
    assert {source.partition("/")[0] for source in kept} == {
        *("Endless One", "Faders Two", "Faders Two #2", "keyboard")
    }
    part = page.locator(".part", has=page.get_by_role("heading", name="Controllers"))
    with page.expect_download() as download:
        part.get_by_role("button", name="Export").click()
    path = tmp_path / "controllers.json"
    download.value.save_as(path)
    while part.get_by_role("button", name=re.compile("Forget")).count():
        part.get_by_role("button", name=re.compile("Forget")).first.click()
    shared.drop(path)
    expect(page.locator(".banners")).to_contain_text("controls are mapped")
    assert json.loads(page.evaluate("localStorage['phosphene.controllers']")) == kept
    assert shared.problems == []


def test_the_output_window_is_the_picture_alone(shared: Visit) -> None:
    page = shared.page
    with page.expect_popup() as popup:
        page.keyboard.press("w")
    window = popup.value
    window.wait_for_function(
        """() => {
          const canvas = document.querySelector('#stage');
          const pixel = canvas.getContext('2d').getImageData(5, 5, 1, 1).data;
          return pixel[0] + pixel[1] + pixel[2] > 0;
        }"""
    )
    assert window.locator("button, input, a").count() == 0
    expect(window.locator("body")).to_have_css("cursor", "none")
    page.keyboard.press("b")
    window.wait_for_function(
        """() => {
          const context = document.querySelector('#stage').getContext('2d');
          return context.getImageData(5, 5, 1, 1).data[0] === 0;
        }"""
    )
    page.keyboard.press("b")
    window.close()


def test_a_phone_shows_the_whole_picture(server: Server, open_page: Callable[..., Visit]) -> None:
    phone = open_page(server.url, 390, 844, touch=True)
    expect(phone.page.locator("body")).to_have_attribute("data-fit", "contain")
