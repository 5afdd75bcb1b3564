"""Every source moves the picture, switching never stops it, and a cut line comes back."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from playwright.sync_api import expect

from tests.browser.tools import Server, Visit, write_clicks


def wait_until_heard(visit: Visit, server: Server, hear: str, see: bool) -> None:
    def agreed() -> bool:
        session = visit.session(server.url)
        return bool(session) and session["hear"] == hear and session["see"] is see

    visit.until(agreed)


def assert_moves(visit: Visit) -> None:
    """The pictures differ from each other, and go on."""
    glances = []
    for _ in range(4):
        visit.wait_for_pictures(6)
        glances.append(visit.glance())
    changes = [float(np.abs(b - a).mean()) for a, b in pairwise(glances)]
    assert np.mean(glances) > 5, "the picture is black"
    assert min(changes) > 0.2, f"the picture stands still: {changes}"
    assert visit.problems == []


def test_dream_moves(visit: Visit, server: Server) -> None:
    assert_moves(visit)
    assert visit.session(server.url)["hear"] == "nothing"


def test_microphone_moves(visit: Visit, server: Server) -> None:
    visit.button("Microphone")
    wait_until_heard(visit, server, "sound", see=False)
    assert_moves(visit)
    # the pretended microphone beeps: the meters must show it
    visit.page.wait_for_function(
        """() => {
          const canvas = document.querySelector('.iris-canvas');
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          return data.some((value) => value > 60);
        }"""
    )


def test_camera_moves_and_is_answered(visit: Visit, server: Server) -> None:
    visit.button("Camera")
    wait_until_heard(visit, server, "nothing", see=True)
    # pictures dreamt before the camera was seen may come last on a slow machine: they are not judged
    seen = visit.page.evaluate("shown.length")
    assert_moves(visit)
    visit.page.wait_for_function(f"shown.length >= {seen} + 20", timeout=60_000)
    # every picture answers to a newer sight than the one before
    captured = visit.page.evaluate("shown.slice(-15).map(({ captured }) => captured)")
    assert len(set(captured)) > 5
    # once: the client's clock is known better where a message met less delay
    assert sum(later < earlier for earlier, later in pairwise(captured)) <= 1


def test_video_moves_and_is_heard(visit: Visit, server: Server, film: Path) -> None:
    visit.page.set_input_files("input[aria-label='Video file']", film)
    wait_until_heard(visit, server, "sound", see=True)
    assert_moves(visit)


def test_tab_is_heard_and_painted_over(visit: Visit, server: Server) -> None:
    visit.button("Tab")
    wait_until_heard(visit, server, "sound", see=False)
    visit.page.get_by_label("Paint over the shared tab, too").check()
    wait_until_heard(visit, server, "sound", see=True)
    assert_moves(visit)


def test_song_plays_at_once_and_is_in_step(visit: Visit, server: Server, tmp_path: Path) -> None:
    # long enough that a busy machine, which shows few pictures a second, does not reach its end
    clicks = write_clicks(tmp_path / "clicks.wav", seconds=180)
    visit.page.set_input_files("input[aria-label='Song file']", clicks)
    # its sound is followed until all of it was heard
    wait_until_heard(visit, server, "sound", see=False)
    wait_until_heard(visit, server, "song", see=False)
    expect(visit.page.locator(".song-state")).to_contain_text("120")
    # pictures made before the song was known are not in step with it: judged are the last of many
    known = "shown.filter(({ off }) => !Number.isNaN(off))"
    visit.page.wait_for_function(f"() => {known}.length >= 30")
    last = visit.page.evaluate(f"{known}.slice(-20)")
    assert len(last) == 20
    values = [picture["value"] for picture in last]
    assert values == sorted(values)
    off = np.array([picture["off"] for picture in last])
    # a quarter of a beat; benchmarks/page.py measures how good it really is
    assert abs(np.median(off)) < 125
    assert visit.problems == []


def test_song_seeks_and_pauses(visit: Visit, server: Server, clicks: Path) -> None:
    page = visit.page
    page.set_input_files("input[aria-label='Song file']", clicks)
    wait_until_heard(visit, server, "song", see=False)
    page.get_by_label("Position in the song").evaluate(
        "e => { e.valueAsNumber = 0.75; e.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    page.wait_for_function("() => shown.at(-1).value > 29 && shown.at(-1).value < 40")
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Play (space)")).to_be_attached()
    at = page.evaluate("shown.at(-1).value")
    visit.wait_for_pictures(10)
    assert abs(page.evaluate("shown.at(-1).value") - at) < 2


def test_sources_switch_without_a_gap(visit: Visit, server: Server) -> None:
    for name in ("Camera", "Microphone", "Camera", "Microphone", "Dream"):
        visit.button(name)
        visit.wait_for_pictures(3)
        assert visit.glance().mean() > 5
    wait_until_heard(visit, server, "nothing", see=False)
    assert visit.problems == []


def test_a_new_prompt_is_seen_soon(visit: Visit) -> None:
    def write(prompt: str) -> None:
        visit.page.mouse.move(300, 300)
        visit.page.fill("#prompt-0", prompt)
        visit.page.press("#prompt-0", "Enter")

    def blueness() -> float:
        red, _, blue = visit.glance().mean((0, 1))
        return float(blue - red)

    write("red fire, crimson lava")
    visit.page.wait_for_function("() => shown.length > 60")
    visit.wait_for_pictures(30)
    before = blueness()
    write("deep blue ocean")
    seen = []
    for _ in range(30):
        visit.wait_for_pictures(1)
        seen.append(blueness())
    # half a second of pictures at 30 a second: the change has begun to show
    assert max(seen[:15]) > before + 15, (before, seen)
    # one second: it is there
    assert seen[-1] > before + 40, (before, seen)


def test_a_dropped_socket_comes_back_to_the_same_session(visit: Visit) -> None:
    page = visit.page
    session = page.evaluate("sessionStorage['phosphene.session']")
    page.evaluate("sockets.at(-1).close()")
    page.wait_for_function("() => sockets.length === 2 && sockets[1].readyState === 1")
    visit.wait_for_pictures(5)
    assert page.evaluate("sessionStorage['phosphene.session']") == session
    expect(page.locator("[data-banner=lost]")).to_have_count(0)


def test_a_recording_is_saved_with_its_sound(visit: Visit, film: Path, tmp_path: Path) -> None:
    import av

    visit.page.set_input_files("input[aria-label='Video file']", film)
    visit.wait_for_pictures(5)
    visit.page.keyboard.press("r")
    # recorded is every frame of the screen; a busy machine, which codes them too, has few new
    # pictures for them
    visit.page.evaluate(
        "window.frames = 0; addEventListener('phosphene-frame', () => window.frames++, true)"
    )
    visit.wait_for_pictures(8)
    visit.page.wait_for_function("() => frames >= 90")
    with visit.page.expect_download() as download:
        visit.page.keyboard.press("r")
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    with av.open(str(path)) as file:
        (video,), (audio,) = file.streams.video, file.streams.audio
        assert min(video.width, video.height) == 720
        pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video)]
        file.seek(0)
        sound = np.concatenate([block.to_ndarray().ravel() for block in file.decode(audio)])
    assert len(pictures) > 10
    assert np.abs(pictures[-1].astype(float) - pictures[len(pictures) // 2]).mean() > 0.2
    assert np.abs(sound).max() > 0.05
