"""OSC by a real client against a real server: what is set is in force, told, listed, and in the score."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket
from pythonosc.udp_client import SimpleUDPClient
from zeroconf import ServiceStateChange
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from phosphene.errors import InputError
from phosphene.integrations.osc.addresses import addresses, page
from phosphene.integrations.osc.announce import PLAIN, QUERY, Announcement, is_open
from phosphene.integrations.osc.companion import Osc
from phosphene.show.looks import flatten, looks
from phosphene.show.score import parse
from tests.server.client import PATIENCE
from tests.server.conftest import serving

HOST = "127.0.0.1"
CHROMA = "prompt.chroma_prompts"
FITTING = {
    "inference.width": 128,
    "inference.height": 128,
    "stream.cadence": "auto",
    "audio.tempo_min": 45.0,
    "audio.tempo_max": 190.0,
}
"""what a value of its own kind must fit"""


class Ear:
    """Where OSC is told to."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.socket.settimeout(0.2)
        self.port = self.socket.getsockname()[1]

    def until(self, *names: str) -> dict[str, list]:
        """The last of each address until all ``names`` came."""
        heard: dict[str, list] = {}
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not set(names) <= heard.keys():
            try:
                packet = OscPacket(self.socket.recv(65535))
            except TimeoutError:
                continue
            for _, message in packet.messages:
                heard[message.address.removeprefix("/phosphene/")] = message.params
        assert set(names) <= heard.keys(), f"of {names} came {sorted(heard)}"
        return heard


@pytest.fixture
def ear():
    ear = Ear()
    yield ear
    ear.socket.close()


@pytest.fixture
def registry(base, config, ear):
    """A server with OSC, and a client that sends to it."""
    osc = Osc((HOST, 0), [(HOST, ear.port)], rate=60)
    with serving(base, config, companions=[osc]) as served:
        yield served, osc, SimpleUDPClient(HOST, osc.port)


def ask(osc: Osc, path: str) -> dict:
    with urllib.request.urlopen(f"http://{HOST}:{osc.port}{path}", timeout=60) as answer:
        return json.loads(answer.read())


def eventually(what, wanted) -> None:
    end = time.monotonic() + PATIENCE
    while (found := what()) != wanted:
        assert time.monotonic() < end, f"{found} is not {wanted}"
        time.sleep(0.01)


def other(address, now):
    """Another value that the setting may have."""
    if address.path in FITTING:
        return FITTING[address.path]
    if address.types == "T":
        return not now
    words = [choice for choice in address.choices if choice != now]
    if words and address.path != "stream.cadence":
        return words[0]
    if address.types in ("f", "i"):
        low, high = address.low, address.high
        near = low + 0.25 * (high - low)
        return round(near) if address.types == "i" else near
    return {
        "stream.t_index_list": [20, 30],
        CHROMA: [f"indigo tunnel {n}" for n in range(12)],
        "prompt.timeline": [{"at": 3.0, "prompt": "embers"}],
        "react.routes": [{"source": "bass", "target": "camera.zoom"}],
        "react.mapping": now,
    }.get(address.path, "violet ink, café")


def test_a_hundred_settings_are_set_read_back_told_to_the_page_and_written_down(
    registry, ear
) -> None:
    served, osc, client = registry
    settings = {a.path: a for a in addresses().values() if a.name == a.path.replace(".", "/")}
    assert len(settings) >= 75
    with served.socket() as page_:
        page_.until("hello")
        session = served.app_state.registry.on_show.session
        before = flatten(session.config)
        wanted = {path: other(address, before[path]) for path, address in settings.items()}
        bounded = {
            p: a for p, a in settings.items() if isinstance(wanted[p], float) and not a.choices
        }
        again = {path: (wanted[path] + a.low) / 2 for path, a in bounded.items()}
        again["audio.tempo_max"] = 180.0
        sent = 0
        for values in (wanted, again):
            for path, new in values.items():
                plain = json.dumps(new) if isinstance(new, list) and path != CHROMA else new
                client.send_message(settings[path].full, plain)
                sent += 1
        assert sent >= 100
        wanted |= again

        last = settings["live.fade_seconds"].full
        eventually(lambda: ask(osc, last)["VALUE"], [pytest.approx(wanted["live.fade_seconds"])])
        leaves = {node["FULL_PATH"]: node for node in walk(ask(osc, "/"))}
        now = flatten(session.config)
        for path, new in wanted.items():
            if path in ("prompt.timeline", "react.routes"):
                assert now[path][0].items() >= new[0].items()
                continue
            (listed,) = leaves[settings[path].full]["VALUE"]
            if isinstance(new, list):
                assert now[path] == json.loads(listed) == new
            else:
                close = pytest.approx(new) if isinstance(new, float) else new
                assert now[path] == listed == close, path
        told = page_.until("config")["values"]
        while told.keys() < wanted.keys():
            told |= page_.until("config")["values"]
        written = {p for change in parse(session.score()).changes for p in change.set or {}}
        assert wanted.keys() <= written
        eventually(
            lambda: ear.until("live/fade_seconds")["live/fade_seconds"],
            [pytest.approx(wanted["live.fade_seconds"])],
        )


def flood(send: Callable[[int], object]) -> None:
    """2,000 of what ``send`` sends, in a second."""
    began = time.monotonic()
    for number in range(2000):
        send(number)
        if number % 20 == 0:
            time.sleep(max(0.0, began + number / 2000 - time.monotonic()))


def test_a_flood_ends_at_its_last_value(registry) -> None:
    served, _, client = registry
    with served.socket() as page_:
        page_.until("hello")
        began = time.monotonic()
        flood(lambda number: client.send_message("/phosphene/camera/zoom", number / 1000))
        session = served.app_state.registry.on_show.session
        eventually(lambda: session.config.camera.zoom, pytest.approx(1.999))
        score = parse(session.score())
        changes = [change for change in score.changes if "camera.zoom" in (change.set or {})]
        # sixty a second at most reach the show
        assert len(changes) <= 61 * (time.monotonic() - began) + 2


def test_buttons_held_down_by_a_madman_are_pressed_now_and_then(registry) -> None:
    served, _, client = registry
    with served.socket() as page_:
        page_.until("hello")
        began = time.monotonic()

        def press(number: int) -> None:
            client.send_message("/phosphene/scene", 1)
            client.send_message("/phosphene/look", number % 5 + 1)

        flood(press)
        client.send_message("/phosphene/look", 7)
        session = served.app_state.registry.on_show.session
        eventually(lambda: flatten(session.config).items() >= looks()[6].values.items(), True)
        pressed = session.score().count('"scene"')
        assert 4 <= pressed <= 4 + 21 * (time.monotonic() - began)
        # a burst of a hand or a script is not thinned
        time.sleep(0.3)
        for _ in range(4):
            client.send_message("/phosphene/look/next", 1)
        eventually(lambda: flatten(session.config).items() >= looks()[10].values.items(), True)


def test_what_waits_for_the_music_happens_on_it(registry) -> None:
    served, _, client = registry
    with served.socket() as page_:
        page_.until("hello")
        session = served.app_state.registry.on_show.session
        for _ in range(4):
            client.send_message("/phosphene/tap", 1)
            time.sleep(0.5)
        client.send_message("/phosphene/on/bar/camera/zoom", 1.5)
        client.send_message("/phosphene/on/beat/camera/rotate", 5.0)
        told: dict[str, tuple[float, float]] = {}
        while len(told) < 2:
            news, at = page_.until("config")["values"], time.monotonic()
            for path in news:
                told.setdefault(path, (at, news[path]))
        # bars of four at 120: the beat is there first, each with its value
        assert told["camera.rotate"][1] == 5.0 and told["camera.zoom"][1] == 1.5
        assert told["camera.rotate"][0] <= told["camera.zoom"][0]
        assert (session.config.camera.rotate, session.config.camera.zoom) == (5.0, 1.5)
        client.send_message("/phosphene/on/bar/look", 3)
        wanted = looks()[2].values
        assert not flatten(session.config).items() >= wanted.items()
        eventually(lambda: flatten(session.config).items() >= wanted.items(), True)


def test_triggers(registry, ear) -> None:
    served, _, client = registry
    with served.socket() as page_:
        page_.until("hello")
        session = served.app_state.registry.on_show.session
        third = looks()[2]
        client.send_message("/phosphene/look", 3)
        eventually(lambda: flatten(session.config).items() >= third.values.items(), True)
        client.send_message("/phosphene/cue/next", [])
        eventually(lambda: flatten(session.config).items() >= looks()[3].values.items(), True)
        client.send_message("/phosphene/cue/next", 0.0)  # a button that is let go
        client.send_message("/phosphene/look/previous", 1.0)
        eventually(lambda: flatten(session.config).items() >= third.values.items(), True)
        client.send_message("/phosphene/look", looks()[0].name)
        client.send_message("/phosphene/prompt", "a teal lighthouse")
        eventually(lambda: session.config.prompt.base_prompt, "a teal lighthouse")
        client.send_message("/phosphene/blackout", 1)
        eventually(lambda: session.config.live.blackout, True)
        client.send_message("/phosphene/blackout", 0.0)
        eventually(lambda: session.config.live.blackout, False)
        for _ in range(4):
            client.send_message("/phosphene/tap", 1)
            time.sleep(0.4)
        client.send_message("/phosphene/controller/fader 1", 0.25)
        for number in range(20):
            client.send_message("/phosphene/controller", [f"knob {number % 2}", number / 32])
        client.send_message("/phosphene/scene", 1)
        heard = ear.until("heard/tempo", "heard/chroma", "picture/age", "heard/beat")
        assert len(heard["heard/chroma"]) == 12
        eventually(lambda: 140 < ear.until("heard/tempo")["heard/tempo"][0] < 160, True)
        text = session.score()
        assert '"knob 0": 0.5625' in text and '"knob 1": 0.59375' in text
        assert text.count('"tap"') == 4 and '"fader 1": 0.25' in text and '"scene"' in text


def test_bundles_keep_their_time(registry) -> None:
    served, _, client = registry
    with served.socket() as page_:
        page_.until("hello")
        session = served.app_state.registry.on_show.session

        def bundle(when, zoom: float):
            built = OscBundleBuilder(when)
            for name, number in (("camera/zoom", zoom), ("camera/rotate", 10 * zoom)):
                message = OscMessageBuilder(f"/phosphene/{name}")
                message.add_arg(number)
                built.add_content(message.build())
            return built.build()

        began = time.monotonic()
        client.send(bundle(time.time() + 0.7, 2.0))
        client.send(bundle(IMMEDIATELY, 1.0))
        eventually(lambda: session.config.camera.zoom, 1.0)
        assert session.config.camera.rotate == 10.0 and time.monotonic() - began < 0.6
        eventually(lambda: (session.config.camera.zoom, session.config.camera.rotate), (2.0, 20.0))
        assert 0.65 < time.monotonic() - began < 1.2
        # one pattern, three settings
        client.send_message("/phosphene/react/{bass,mid,treble}_gain", 1.75)
        eventually(lambda: session.config.react.bass_gain, 1.75)
        assert session.config.react.mid_gain == session.config.react.treble_gain == 1.75


WRONG = [
    ("camera/zoom", 99.0, "takes -4 to 4, not 99"),
    ("camera/rotate", float("nan"), "takes a number"),
    ("camera/pan_x", "fast", "takes a number"),
    ("camera/pan_y", [1.0, 2.0], "takes one value"),
    ("live/blackout", 0.5, "takes 0 or 1"),
    ("stream/denoising_steps", 1.5, "a whole number"),
    ("latent/walk", "square", "'circle' or 'spiral'"),
    ("prompt", 3, "takes text"),
    ("look", 99, "there is no look 99"),
    ("look", "teal oceann", "unknown look"),
    ("camera/zom", 1.0, "no address"),
    ("heard/bass", 1.0, "cannot be set"),
    ("on/thursday/camera/zoom", 1.0, "beat, bar, section"),
    ("on/bar/tap", 1, "cannot wait"),
    ("diffusion/model", "sd15", "no address"),
    ("controller/fader", 2.0, "takes 0 to 1"),
    ("beat/nudge", "much", "takes a number"),
]


def test_what_is_wrong_is_said_in_a_sentence_and_changes_nothing(registry, ear) -> None:
    served, _, client = registry
    with served.socket() as page_:
        page_.until("hello")
        before = served.app_state.registry.on_show.session.config
        for name, given, words in WRONG:
            client.send_message(f"/phosphene/{name}", given)
            end = time.monotonic() + PATIENCE
            while words not in (said := ear.until("error")["error"][0]):
                assert time.monotonic() < end, f"{name} {given}: {said}"
        assert served.app_state.registry.on_show.session.config == before


def walk(node: dict):
    """All nodes of a tree."""
    yield node
    for below in node.get("CONTENTS", {}).values():
        yield from walk(below)


def test_the_list_over_http(registry) -> None:
    _, osc, _ = registry
    info = ask(osc, "/?HOST_INFO")
    assert info["OSC_PORT"] == osc.port and info["OSC_TRANSPORT"] == "UDP"
    found = {node["FULL_PATH"]: node for node in walk(ask(osc, "/"))}
    for address in addresses().values():
        assert found[address.full]["ACCESS"] == address.access, address
    zoom = ask(osc, "/phosphene/camera/zoom")
    assert zoom["RANGE"] == [{"MIN": -4.0, "MAX": 4.0}] and zoom["TYPE"] == "f"
    assert ask(osc, "/phosphene/camera/zoom?VALUE") == {"VALUE": zoom["VALUE"]}
    assert found["/phosphene/on/bar/look"]["ACCESS"] == 2
    for path, status in (("/phosphene/nothing", 404), ("/phosphene?COLOUR", 400)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(osc, path)
        assert refused.value.code == status
    request = urllib.request.Request(f"http://{HOST}:{osc.port}/", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    assert refused.value.code == 403


def test_broken_bytes_and_a_busy_port(registry) -> None:
    served, osc, client = registry
    broken = [b"", b"\0", b"/x", b"/phosphene/tap\0\0", b"#bundle\0" + b"\xff" * 40, b"/" * 9000]
    broken += [b"/phosphene/camera/zoom\0\0,f\0\0", b"#bundle\0\0\0\0\0\0\0\0\1\0\0\0\4/x\0\0"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
        for datagram in broken:
            raw.sendto(datagram, (HOST, osc.port))
    with served.socket() as page_:
        page_.until("hello")
        client.send_message("/phosphene/camera/zoom", 1.25)
        eventually(lambda: served.app_state.registry.on_show.session.config.camera.zoom, 1.25)
    with pytest.raises(InputError, match="choose another port"):
        Osc((HOST, osc.port))


def test_it_is_found_on_the_network_without_its_address() -> None:
    """By a real browser of multicast DNS; on loopback, for a test sends nothing to others."""

    async def find() -> dict[str, tuple[int, list[str]]]:
        announcement = Announcement(HOST, 9123)
        announcement.start()
        there = AsyncZeroconf(interfaces=[HOST])
        found: dict[str, tuple[int, list[str]]] = {}
        gone: set[str] = set()

        def changed(zeroconf, service_type, name, state_change) -> None:
            if state_change is ServiceStateChange.Removed:
                gone.add(service_type)
            elif state_change is ServiceStateChange.Added:
                asked.append(asyncio.ensure_future(look(zeroconf, service_type, name)))

        async def look(zeroconf, kind: str, name: str) -> None:
            info = AsyncServiceInfo(kind, name)
            assert await info.async_request(zeroconf, 20_000)
            found[kind] = info.port, info.parsed_addresses()

        asked: list[asyncio.Future] = []
        browser = AsyncServiceBrowser(there.zeroconf, [QUERY, PLAIN], handlers=[changed])
        async with asyncio.timeout(PATIENCE):
            while len(found) < 2:
                await asyncio.sleep(0.05)
            await announcement.close()
            while len(gone) < 2:
                await asyncio.sleep(0.05)
        await browser.async_cancel()
        await there.async_close()
        return found

    assert asyncio.run(find()) == {QUERY: (9123, [HOST]), PLAIN: (9123, [HOST])}


def test_only_what_is_open_is_announced_and_what_cannot_be_is_said(monkeypatch, caplog) -> None:
    assert [is_open(host) for host in (HOST, "localhost", "::1", "0.0.0.0", "192.168.1.2")] == [
        *(False, False, False, True, True)
    ]

    async def start(announcement: Announcement) -> None:
        announcement.start()
        await announcement._task
        await announcement.close()

    # an address that is not this machine's, as where the network is gone
    asyncio.run(start(Announcement("192.0.2.7", 9123)))
    assert "not announced on the network (" in caplog.text
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    asyncio.run(start(Announcement("0.0.0.0", 9123)))
    assert "pip install 'phosphene[stage]'" in caplog.text


def test_the_docs_have_the_table() -> None:
    text = (Path(__file__).parents[3] / "docs/osc.md").read_text(encoding="utf-8")
    assert page() in text, "write it anew: phosphene osc --markdown"


def test_the_panel_of_the_examples_speaks_to_what_is_there() -> None:
    text = (Path(__file__).parents[3] / "examples/open-stage-control.json").read_text()
    for widget in json.loads(text)["content"]["widgets"]:
        name = widget["address"].removeprefix("/phosphene/")
        address = addresses()[name.removeprefix("on/bar/")]
        if "range" in widget and address.kind == "setting":
            assert widget["range"] == {"min": address.low, "max": address.high}, name
