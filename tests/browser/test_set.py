"""A set as on a stage: songs in order, cues on their bars, one file that comes back as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from benchmarks import sets as show
from phosphene.audio import AudioAnalyzer
from phosphene.config import AudioConfig
from phosphene.show.sets import lay, read
from tests.browser.conftest import opened
from tests.browser.tools import FAKE_MIDI, Server, Visit, start_server, write_song

SMALL = ("--size", "256x256")
SONGS = {"one": (120, 22), "two": (100, 26), "three": (140, 20)}
"""name: (beats a minute, seconds)"""


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("songs")
    return [write_song(folder / f"{name}.wav", *how) for name, how in SONGS.items()]


@pytest.fixture
def stage(browser: Browser) -> Iterator[tuple[Visit, list[Server]]]:
    """A page with a server of its own, which may be killed; nothing that was played before is in it."""
    servers = [start_server(0, *SMALL)]
    script = FAKE_MIDI + show.EARS.replace("FAST", "4")
    with opened(browser, servers[0].url, 1600, 1000, script=script) as visit:
        visit.page.on("dialog", lambda dialog: dialog.accept())
        visit.page.evaluate("localStorage['phosphene.pinned'] = 'true'")
        visit.page.reload()
        visit.wait_for_pictures(1)
        visit.page.keyboard.press("e")
        yield visit, servers
    servers[-1].stop()


def the_set(visit: Visit) -> dict[str, Any]:
    return json.loads(visit.page.evaluate("localStorage['phosphene.set']"))


def cues(visit: Visit, song: int = 0) -> list[dict[str, Any]]:
    return the_set(visit)["songs"][song]["cues"]


def test_cues_are_laid_moved_and_changed(
    stage: tuple[Visit, list[Server]], songs: list[Path], tmp_path: Path
) -> None:
    visit, _ = stage
    page = visit.page
    expect(page.locator(".set")).to_contain_text("A set is songs in order")
    page.set_input_files("input[aria-label='Songs of the set']", songs)
    expect(page.locator(".set-song")).to_have_count(3)
    expect(page.locator(".wave-tools")).to_contain_text("bars")
    # a look that is dropped on the waveform snaps to its bar
    strip = page.locator(".wave").bounding_box()
    assert strip is not None
    card = page.locator(".deck .look-pick[aria-label='Inferno']")
    card.drag_to(page.locator(".wave canvas"), target_position={"x": strip["width"] * 0.5, "y": 30})
    [cue] = cues(visit)
    bars = json.loads(page.evaluate("localStorage['phosphene.analyses']"))
    bars = bars[the_set(visit)["songs"][0]["sha256"]]["bars"]
    assert cue["look"] == "Inferno"
    assert min(abs(cue["at"] - bar) for bar in bars) < 0.001
    where = min(range(len(bars)), key=lambda k: abs(bars[k] - cue["at"]))
    # dragged, and by the keyboard
    marker = page.locator(".cue")
    box = marker.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 1, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 1 + strip["width"] / 4, box["y"] + 40, steps=4)
    page.mouse.up()
    moved = min(range(len(bars)), key=lambda k: abs(bars[k] - cues(visit)[0]["at"]))
    assert moved > where
    marker.press("ArrowLeft")
    assert cues(visit)[0]["at"] == pytest.approx(bars[moved - 1], abs=1e-3)
    page.keyboard.press("u")
    assert cues(visit)[0]["at"] == pytest.approx(bars[moved], abs=1e-3)
    # all that a cue can do
    marker.click()
    form = page.locator(".cue-form")
    form.get_by_label("Prompt").fill("gold marble")
    form.get_by_label("Prompt").press("Enter")
    form.get_by_label("Takes, s").fill("3")
    form.get_by_label("Takes, s").press("Enter")
    form.get_by_label("Light").select_option("Blackout")
    form.get_by_label("Setting").select_option("camera.zoom")
    form.get_by_label("Bar").fill("2")
    form.get_by_label("Bar").press("Enter")
    [cue] = cues(visit)
    assert cue["at"] == pytest.approx(bars[1], abs=1e-3)
    assert (cue["prompt"], cue["transition"], cue["blackout"]) == ("gold marble", 3, True)
    assert "camera.zoom" in cue["set"]
    form.get_by_text("Remove this cue").click()
    expect(page.locator(".cue")).to_have_count(0)
    # songs change places by the keyboard, and one that is taken out comes back
    page.get_by_role("button", name="3. three").press("Shift+ArrowUp")
    assert [song["name"] for song in the_set(visit)["songs"]] == ["one.wav", "three.wav", "two.wav"]
    page.get_by_role("button", name="Take three out").click()
    expect(page.locator(".set-song")).to_have_count(2)
    page.get_by_role("button", name="Undo", exact=True).click()
    page.keyboard.press("u")
    assert [song["name"] for song in the_set(visit)["songs"]] == ["one.wav", "two.wav", "three.wav"]
    # one file, with its songs or without: it comes back as it was
    page.fill(".set-name", "Friday")
    page.keyboard.press("Enter")
    page.evaluate("document.activeElement.blur()")
    kept = the_set(visit)
    for name in ("Save", "Save with songs"):
        with page.expect_download() as download:
            page.get_by_role("button", name=name, exact=True).click()
        path = tmp_path / "friday.set"
        download.value.save_as(path)
        page.get_by_role("button", name="New", exact=True).click()
        expect(page.locator(".set-song")).to_have_count(0)
        page.set_input_files("input[aria-label='Set file']", path)
        expect(page.locator(".set-song")).to_have_count(3)
        names = [(song["name"], song["sha256"]) for song in the_set(visit)["songs"]]
        assert names == [(song["name"], song["sha256"]) for song in kept["songs"]]
    expect(page.locator(".set-song .missing")).to_have_count(0)
    assert visit.problems == []


def test_a_set_by_the_keyboard_alone(stage: tuple[Visit, list[Server]], songs: list[Path]) -> None:
    visit, _ = stage
    page = visit.page

    def go_to(label: str) -> None:
        """Tab to what is called so."""
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate(
                "document.activeElement.ariaLabel ?? document.activeElement.textContent.trim()"
            ).startswith(label):
                return
        raise AssertionError(f"nothing called {label} by Tab")

    page.keyboard.press("e")
    page.keyboard.press("e")
    if page.locator(".set-song").count():
        go_to("New")
        page.keyboard.press("Enter")
    with page.expect_file_chooser() as chooser:
        go_to("Add songs")
        page.keyboard.press("Enter")
    chooser.value.set_files(songs[0])
    page.wait_for_function(show.HEARD, arg=1)
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    page.keyboard.press("e")
    go_to("Play one")
    page.keyboard.press("Enter")
    page.wait_for_function("() => window.room && loudness() > 0.05")
    page.keyboard.press("k")
    expect(page.locator(".cue")).to_have_count(1)
    at = cues(visit)[0]["at"]
    go_to("New place, bar")
    page.keyboard.press("ArrowRight")
    assert cues(visit)[0]["at"] > at
    go_to("Prompt of the cue")
    page.keyboard.type("gold marble")
    page.keyboard.press("Enter")
    expect(page.locator(".cue")).to_contain_text("gold marble")
    assert cues(visit)[0]["prompt"] == "gold marble"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Escape")


def test_cues_on_their_bars_at_four_times_the_speed_and_a_server_that_dies(
    stage: tuple[Visit, list[Server]], songs: list[Path], tmp_path: Path
) -> None:
    visit, servers = stage
    page = visit.page
    laid = [show.cues_on(song, 5) for song in songs[:2]]
    told = show.write_set(tmp_path / "played.set", songs[:2], laid)
    page.set_input_files("input[aria-label='Set file']", told)
    page.set_input_files("input[aria-label='Songs of the set']", songs[:2])
    page.wait_for_function(show.HEARD, arg=2)
    # it dies while the song is paused; on a slow machine that may be beside a cue, which is then the outage's
    page.evaluate("setInterval(() => window.song?.currentTime > 3 && song.pause(), 20)")
    visit.button("Play one")
    page.wait_for_function("() => window.song?.currentTime > 3 && song.paused")
    parts = [show.noted(page)]
    at = page.evaluate("song.currentTime")
    away = show.Away(0, at - 0.5, at + 1)
    servers.append(show.again(servers[0], SMALL[1]))
    page.reload()
    expect(page.locator(".song-state")).to_contain_text("beat")
    expect(page.locator(".set-song.plays")).to_contain_text("one")
    page.wait_for_function("() => ready.size >= 2")
    assert page.evaluate("window.song === undefined && told.length === 0")
    page.locator(".play").press("Enter")
    last = laid[1][-1].at
    page.wait_for_function(
        "([n, at]) => told.some((t) => t.song === n && t.position >= at)", arg=[1, last]
    )
    parts.append(show.noted(page))
    for number, cues in enumerate(laid):
        assert show.judged(songs[number].stem, number, cues, parts, away, 4)
    with page.expect_download() as download:
        visit.button("Save")
    download.value.save_as(tmp_path / "saved.set")
    saved = read(tmp_path / "saved.set")
    for number, cues in enumerate(laid):
        heard = AudioAnalyzer(AudioConfig()).analyze(songs[number])
        changes = [each.change for each in lay(saved, number, heard) if each.change.at > 0]
        assert [change.at for change in changes] == [cue.at for cue in cues]
        assert all(change.set for change in changes)


def test_a_cue_with_a_look_that_nobody_knows_costs_no_other(
    stage: tuple[Visit, list[Server]], songs: list[Path], tmp_path: Path
) -> None:
    visit, servers = stage
    page = visit.page
    laid = [{"bar": 1, "look": "of nobody"}, {"bar": 1, "look": "Ocean"}]
    told = {"phosphene_set": 1, "songs": [{"name": songs[0].name, "cues": laid}]}
    file = tmp_path / "odd.set"
    file.write_text(json.dumps(told))
    page.set_input_files("input[aria-label='Set file']", file)
    page.set_input_files("input[aria-label='Songs of the set']", songs[:1])
    expect(page.locator(".set-problem")).to_contain_text("of nobody")
    expect(page.locator(".cue.lost")).to_have_count(1)
    visit.button(f"Play {songs[0].stem}")
    visit.until(lambda: "teal ocean" in visit.config(servers[0].url))
    # another look for it, and all is well
    page.locator(".cue.lost").press("Enter")
    page.get_by_label("Look of the cue").select_option("Inferno")
    expect(page.locator(".set-problem")).to_have_count(0)
    # a look of one's own that is deleted stays in the set
    page.get_by_placeholder("Name this look to keep it").fill("Mine")
    page.get_by_role("button", name="Keep", exact=True).click()
    page.get_by_label("Look of the cue").select_option("Mine")
    visit.until(lambda: cues(visit)[0]["look"] == "Mine")
    page.get_by_role("button", name="Delete Mine", exact=True).click()
    expect(page.locator(".deck .look-pick[aria-label='Mine']")).to_have_count(0)
    assert "Mine" in the_set(visit)["looks"]
    expect(page.locator(".cue.lost")).to_have_count(0)
    expect(page.locator(".set-problem")).to_have_count(0)
