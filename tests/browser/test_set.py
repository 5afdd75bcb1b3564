"""A set as on a stage: songs in order, cues on their bars, one file that comes back as it was."""

from __future__ import annotations

import json
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import opened
from tests.browser.tools import FAKE_MIDI, Server, Visit, start_server

RATE = 22050
SMALL = ("--size", "256x256")
SONGS = {"one": (120, 22), "two": (100, 26), "three": (140, 20)}
"""name: (beats a minute, seconds)"""


def write_song(path: Path, tempo: int, seconds: int) -> Path:
    """Four to the floor, a bass that changes with every bar, louder in its second half."""
    times = np.arange(RATE * seconds) / RATE
    beat = 60 / tempo
    since = times % beat
    first = (np.floor(times / beat) % 4 == 0) * 0.5 + 0.5
    sound = first * np.exp(-30 * since) * np.sin(2 * np.pi * 60 * since)
    snare = (np.floor(times / beat) % 2 == 1) * np.exp(-25 * since)
    sound += 0.4 * snare * np.random.default_rng(tempo).standard_normal(len(times))
    note = 55 * 2 ** (np.array([0, 5, 7, 3])[(times / beat / 4).astype(int) % 4] / 12)
    sound += 0.2 * np.sin(2 * np.pi * np.cumsum(note) / RATE)
    sound *= np.where(times < seconds / 2, 0.3, 0.8) * 0.6
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("songs")
    return [write_song(folder / f"{name}.wav", *how) for name, how in SONGS.items()]


@pytest.fixture(scope="module")
def stage(browser: Browser) -> Iterator[tuple[Visit, list[Server]]]:
    """A page with a server of its own, which may be killed."""
    servers = [start_server(0, *SMALL)]
    with opened(browser, servers[0].url, 1600, 1000, script=FAKE_MIDI) as visit:
        visit.page.evaluate("localStorage['phosphene.pinned'] = 'true'")
        visit.page.reload()
        visit.wait_for_pictures(1)
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
    page.keyboard.press("e")
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
