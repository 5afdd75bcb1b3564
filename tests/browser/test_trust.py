"""Nothing ends the show: bad files, haste, unplugged devices, reloads, a cut line, a server that hangs."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.tools import Server, Visit, start_server, write_clicks

PLAYING = re.compile("Pause")
SWITCH = """async (names) => {
  const buttons = new Map([...document.querySelectorAll('.source')].map((b) => [b.textContent, b]));
  for (const name of names) {
    buttons.get(name).click();
    await new Promise((done) => setTimeout(done, 15));
  }
}"""


def assert_plays(visit: Visit, name: str) -> None:
    """This song sounds, and moves on."""
    page = visit.page
    expect(page.locator(".song-name")).to_have_text(name)
    expect(page.locator(".play")).to_have_attribute("aria-label", PLAYING)
    page.wait_for_function("() => loudness() > 0.01")
    at = visit.position()
    page.wait_for_function(
        "at => document.querySelector('.song-head .figure').textContent.slice(0, 4) !== at",
        arg=f"{at // 60:.0f}:{at % 60:02.0f}",
    )


def assert_heard(visit: Visit) -> None:
    """Sound goes to the server."""
    before = visit.page.evaluate("sent[2]")
    visit.page.wait_for_function("n => sent[2] > n + 10", arg=before)


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("songs")
    return [write_clicks(folder / f"song {k}.wav", seconds=20) for k in range(20)]


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files that say they are songs."""
    folder = tmp_path_factory.mktemp("bad")
    contents = {
        "empty.mp3": b"",
        "noise.mp3": np.random.default_rng(1).bytes(20_000),
        "page.mp3": b"<html><body>404 Not Found</body></html>" * 50,
        "cut.wav": b"RIFF\x24\x00\x00\x00WAVEfmt ",
        "notes.txt": b"no sound at all",
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in contents]


def test_songs_in_a_hurry_the_last_one_plays(shared: Visit, songs: list[Path]) -> None:
    for song in songs:
        shared.drop(song)
        shared.page.wait_for_timeout(100)
    assert_plays(shared, songs[-1].stem)
    # two in a row, the second while the first is opened, and one after a bad one
    shared.drop(songs[0])
    shared.drop(songs[1])
    assert_plays(shared, songs[1].stem)
    assert shared.problems == []


def test_a_bad_file_never_stops_the_song(shared: Visit, songs: list[Path], bad: list[Path]) -> None:
    shared.drop(songs[2])
    assert_plays(shared, songs[2].stem)
    for file in bad:
        shared.drop(file)
        expect(shared.page.locator(".banner")).to_contain_text(f"“{file.name}”")
        assert_plays(shared, songs[2].stem)
    # and a good one at once after a bad one
    shared.drop(bad[1])
    shared.drop(songs[3])
    assert_plays(shared, songs[3].stem)


def test_a_hundred_changes_of_source_leave_none_deaf(
    shared: Visit, songs: list[Path], film: Path
) -> None:
    page = shared.page
    page.set_input_files("input[aria-label='Video file']", film)
    expect(page.locator(".song-name")).to_have_text("film")
    names = ["Dream", "Song", "Microphone", "Tab", "Camera", "Video"]
    page.evaluate(SWITCH, random.Random(20).choices(names, k=100))
    page.evaluate(SWITCH, ["Dream"])
    page.wait_for_timeout(300)
    for name in ("Microphone", "Video"):
        page.evaluate(SWITCH, [name])
        assert_heard(shared)
    page.evaluate(SWITCH, ["Camera", "Song"])
    assert_plays(shared, songs[3].stem)
    before = page.evaluate("sent[1]")
    page.wait_for_function("n => sent[1] > n + 3", arg=before)
    page.evaluate(SWITCH, ["Dream"])
    shared.wait_for_pictures(3)
    assert shared.problems == []


def test_a_device_that_ends_is_noticed_and_taken_up_again(shared: Visit) -> None:
    page = shared.page
    for name in ("Camera", "Microphone"):
        device = page.get_by_role("button", name=name, exact=True)
        device.press("Enter")
        expect(device).to_have_attribute("aria-pressed", "true")
        trouble = page.locator(".banner.warn")
        # the system holds it back for a moment
        page.evaluate("streams.at(-1).getTracks()[0].dispatchEvent(new Event('mute'))")
        expect(trouble).to_contain_text(f"holds the {name.lower()} back")
        page.evaluate("streams.at(-1).getTracks()[0].dispatchEvent(new Event('unmute'))")
        expect(trouble).to_have_count(0)
        # unplugged: no such device is listed any more
        count = page.evaluate(
            """() => {
              const devices = navigator.mediaDevices;
              window.list ??= devices.enumerateDevices.bind(devices);
              devices.enumerateDevices = async () => [];
              for (const track of streams.at(-1).getTracks()) {
                track.stop();
                track.dispatchEvent(new Event('ended'));
              }
              return streams.length;
            }"""
        )
        expect(trouble).to_contain_text("unplugged or stopped")
        expect(device).to_have_class(re.compile("troubled"))
        page.wait_for_timeout(1200)
        assert page.evaluate("streams.length") == count, "it was asked for while it was away"
        page.evaluate(
            """() => {
              navigator.mediaDevices.enumerateDevices = window.list;
              navigator.mediaDevices.dispatchEvent(new Event('devicechange'));
            }"""
        )
        expect(trouble).to_have_count(0)
        expect(page.locator(".banner")).to_contain_text("is back")
        kind = 1 if name == "Camera" else 2
        before = page.evaluate(f"sent[{kind}]")
        page.wait_for_function(f"n => sent[{kind}] > n + 3", arg=before)
    page.evaluate(SWITCH, ["Dream"])


def test_a_reload_goes_on_with_song_and_recording(
    visit: Visit, server: Server, tmp_path: Path
) -> None:
    import av

    page = visit.page
    # long enough not to end while a busy machine is at it
    clicks = write_clicks(tmp_path / "long.wav", seconds=150)
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    visit.play_song(clicks)
    assert page.evaluate("awake") > 0, "the screen may go dark"
    session, at = visit.session(server.url), visit.position()
    page.keyboard.press("r")
    visit.wait_for_pictures(15)
    page.wait_for_timeout(1500)
    page.reload()
    assert asked == ["beforeunload"], "nobody was warned"
    visit.wait_for_pictures(3)
    assert_plays(visit, clicks.stem)
    assert visit.position() >= at, "it began anew"
    page.wait_for_function("() => !Number.isNaN(shown.at(-1).value)")
    after = visit.session(server.url)
    assert (after["id"], after["hear"]) == (session["id"], "song")
    assert after["songs"] == session["songs"] == 1, "what was heard was sent again"
    # what was recorded is there
    save = page.get_by_role("button", name="Save it")
    with page.expect_download() as download:
        save.click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    with av.open(str(path)) as file:
        assert sum(1 for _ in file.decode(file.streams.video[0])) > 5
    assert visit.problems == []


def test_a_reload_takes_the_microphone_up_again(visit: Visit, server: Server) -> None:
    visit.button("Microphone")
    visit.button("Camera")
    # a camera takes its time: only what was on is taken up again
    visit.until(lambda: _reacts(visit, server) == ("sound", True))
    visit.page.reload()
    # the page's own counts begin anew
    visit.page.wait_for_function("() => sent[1] > 3 && sent[2] > 3")
    visit.until(lambda: _reacts(visit, server) == ("sound", True))
    assert_heard(visit)


def _reacts(visit: Visit, server: Server) -> tuple[str, bool]:
    session = visit.session(server.url)
    return session.get("hear", ""), session.get("see", False)


@pytest.mark.usefixtures("needs_chromium")
def test_server_hangs_and_dies_and_nothing_is_lost(open_page: Callable[..., Visit]) -> None:
    first = start_server(0, "--size", "256x256")
    visit = open_page(first.url)
    visit.wait_for_pictures(3)
    page = visit.page
    running = page.locator(".running")
    # it hangs: the figures say so, and are right again
    os.kill(first.process.pid, signal.SIGSTOP)
    try:
        expect(running).to_contain_text("no picture for", timeout=10_000)
    finally:
        os.kill(first.process.pid, signal.SIGCONT)
    expect(running).to_contain_text("a second")
    # it dies: what is changed meanwhile is done when it is back, the newest of each
    page.mouse.move(300, 300)
    page.fill("#prompt-0", "crimson lava")
    page.press("#prompt-0", "Enter")
    visit.until(lambda: "crimson lava" in visit.config(first.url))
    port = int(first.url.rstrip("/").rpartition(":")[2])
    first.stop()
    expect(page.locator("[data-banner=lost]")).to_contain_text("done when it is back")
    assert visit.glance().mean() > 5, "the last picture did not stay"
    page.keyboard.press("t")
    expect(page.locator(".banners")).to_contain_text("that was not done")
    page.keyboard.press("4")
    page.fill("#prompt-0", "emerald aurora")
    page.press("#prompt-0", "Enter")
    page.get_by_role("slider", name="Turn", exact=True).press("End")
    page.keyboard.press("-")
    second = start_server(port, "--size", "256x256")
    try:
        visit.wait_for_pictures(3)
        expect(page.locator("[data-banner=lost]")).to_have_count(0)
        visit.until(lambda: "emerald aurora" in visit.config(second.url))
        config = visit.config(second.url)
        assert "rotate = 180" in config
        assert "light = 0.9" in config
        expect(page.locator(".complaint")).to_have_count(0)
        with urllib.request.urlopen(f"{second.url}api/state") as answer:
            assert len(json.load(answer)["sessions"]) == 1
    finally:
        second.stop()


def test_what_is_changed_while_the_line_is_cut_is_done(shared: Visit, server: Server) -> None:
    page = shared.page
    session = shared.session(server.url)["id"]
    page.evaluate("() => { window.cutLine = true; sockets.at(-1).close(); }")
    expect(page.locator("[data-banner=lost]")).to_be_visible()
    page.mouse.move(300, 300)
    slider = page.get_by_role("slider", name="Pace", exact=True)
    slider.press("Home")
    slider.press("End")
    page.fill("#prompt-0", "violet petals")
    page.press("#prompt-0", "Enter")
    # not even a reload loses it; the page that comes finds the line whole again
    page.reload()
    expect(page.locator("[data-banner=lost]")).to_have_count(0)
    shared.until(lambda: "violet petals" in shared.config(server.url))
    assert "pace = 4" in shared.config(server.url)
    expect(slider).to_have_value("4")
    assert shared.session(server.url)["id"] == session
