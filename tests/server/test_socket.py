"""Performing and watching over a real websocket."""

from __future__ import annotations

import io
import json
import math
import urllib.request

import numpy as np
import pytest
from PIL import Image

from phosphene.server.limits import Limits
from phosphene.show.display import Motion, Path, Way
from phosphene.show.looks import looks
from phosphene.show.mapping import POSE_TURN
from tests.server.client import Picture, now
from tests.server.conftest import SIDE, serving


def size_of(jpeg: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(jpeg)).size


def jpeg(colour=(200, 30, 30), side=96) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, "JPEG")
    return out.getvalue()


def state(served) -> dict:
    with urllib.request.urlopen(f"{served.http}/api/state") as answer:
        return json.load(answer)


def test_hello_says_everything(served) -> None:
    with served.socket() as client:
        hello = client.receive()
        assert hello["type"] == "hello"
        assert (hello["protocol"], hello["role"]) == (1, "perform")
        assert hello["config"]["inference"]["width"] == SIDE
        assert [look["name"] for look in hello["looks"]] == [look.name for look in looks()]
        assert hello["sources"] == {"soundcard": False}
        assert hello["model"] == {"name": "lsd", "max_size": 4096, "size_multiple": 8}
        assert hello["limits"]["upload_mb"] == 200


def test_pictures_come_with_what_was_heard(served) -> None:
    with served.socket() as client:
        client.send(type="clock", t=now())
        assert client.until("clock")["t"] < now()
        client.pictures(3)
        pictures = client.pictures(5)
        assert [size_of(picture.jpeg) for picture in pictures] == [(SIDE, SIDE)] * 5
        order = [picture.sequence for picture in pictures]
        assert order == sorted(set(order))
        # in time on the client's clock, and of a dream: no song
        assert all(-5 < now() - picture.captured < 10_000 for picture in pictures)
        assert all(math.isnan(picture.value) for picture in pictures)
        heard = client.until("heard")
        assert len(heard["chroma"]) == 12
        assert abs(now() - heard["t"]) < 10_000


def test_before_the_client_tells_its_time_none_is_claimed(served) -> None:
    with served.socket() as client:
        heard = client.until("heard")
        assert "t" not in heard
        assert math.isnan(client.pictures(1)[0].captured)


def test_statistics_come_by_themselves(served) -> None:
    with served.socket() as client:
        stats = client.until("stats")
        assert stats["level"]["width"] == SIDE
        assert stats["sessions"] == 1
        assert stats["load"]["memory_mb"] > 0
        assert {"fps", "age_ms", "step_ms", "reason", "sent", "unacked"} <= stats.keys()


def test_no_more_than_the_window_is_under_way_and_the_session_rests(served) -> None:
    with served.socket() as client:
        client.acknowledge = False
        pictures = [m for m in client.quiet(1.5) if isinstance(m, Picture)]
        assert len(pictures) == Limits().window
        before = state(served)["sessions"][0]["stats"]["frames"]
        assert client.quiet(1.0) == []
        # held: one that was being made may be finished, no more
        assert state(served)["sessions"][0]["stats"]["frames"] - before <= 1
        client.send(type="ack", sequence=pictures[-1].sequence)
        assert client.pictures(3)[0].sequence > pictures[-1].sequence


def test_set_answers_what_is_in_force(served) -> None:
    with served.socket() as client:
        client.send(type="set", values={"camera.zoom": 1, "prompt.base_prompt": "blue"}, id=7)
        answer = client.until("config")
        assert answer["values"] == {"camera.zoom": 1.0, "prompt.base_prompt": "blue"}
        assert answer["id"] == 7


@pytest.mark.parametrize(
    ("values", "path", "word"),
    [
        ({"camera.zoom": 99}, "camera.zoom", "4"),
        ({"camera.zom": 1}, "camera.zom", "did you mean 'zoom'"),
        ({"diffusion.model_id": "/etc/passwd"}, "diffusion.model_id", "cannot change"),
        ({"camera.zoom": 1, "react.reactivity": "loud"}, "react.reactivity", "number"),
    ],
)
def test_what_cannot_be_set_is_said_and_nothing_changes(served, values, path, word) -> None:
    with served.socket() as client:
        before = client.until("hello")["config"]["camera"]["zoom"]
        client.send(type="set", values=values, id="x")
        error = client.until("error")
        assert (error["id"], error["path"], error["code"]) == ("x", path, "config")
        assert word in error["message"]
        client.send(type="set", values={"camera.warp": 0.5}, id="y")
        client.until("config", id="y")
        session = client.session
        with urllib.request.urlopen(f"{served.http}/api/sessions/{session}/config.toml") as toml:
            assert f"zoom = {before}" in toml.read().decode()


def test_a_look_is_the_same_whatever_came_before(served) -> None:
    first, second = looks()[0], looks()[1]
    with served.socket() as client:
        client.send(type="preset", name=first.name)
        fresh = client.until("config")["values"]
        assert first.values.items() <= fresh.items()
        client.send(type="preset", name=second.name)
        assert second.values.items() <= client.until("config")["values"].items()
        client.send(type="preset", name=first.name)
        assert client.until("config")["values"] == fresh
        client.send(type="preset", name=first.name[:-1])
        assert first.name in client.until("error")["message"]


def test_seeing_hands_out_credits_and_pictures_answer_to_what_was_seen(served) -> None:
    with served.socket() as client:
        client.send(type="clock", t=now())
        client.send(type="source", hear="nothing", see=True, id=1)
        assert client.until("source", id=1)["see"] is True
        assert client.until("ready")["credits"] == 2
        # what was under way when the source changed
        client.quiet(0.5)
        captured = now()
        client.send_packet(1, jpeg(), captured)
        # the model has taken it: there is room for another
        assert client.until("ready")["credits"] == 1
        # there and back through the server's clock
        assert abs(client.pictures(1)[0].captured - captured) < 20


def test_a_picture_that_is_none_costs_no_credit(served) -> None:
    with served.socket() as client:
        client.send(type="source", hear="nothing", see=True)
        client.until("ready")
        client.send_packet(1, b"this is no picture")
        assert client.until("error")["code"] == "picture"
        assert client.until("ready")["credits"] == 1


def test_sound_in_is_heard(served) -> None:
    rate = 16000
    times = np.arange(rate // 10) / rate
    with served.socket() as client:
        client.send(type="clock", t=now())
        client.send(type="source", hear="sound", see=False, id=1)
        client.until("source", id=1)
        tone = (0.5 * np.sin(2 * np.pi * 440 * times)).astype("<f4").tobytes()
        loudest = 0.0
        for _ in range(40):
            client.send_packet(2, tone, value=rate)
            heard = client.until("heard")
            loudest = max(loudest, heard["chroma"][9])
            if loudest > 0.9:
                break
        # A is the tenth pitch class
        assert loudest > 0.9


def test_a_soundcard_that_was_not_asked_for_is_refused(served) -> None:
    with served.socket() as client:
        client.send(type="source", hear="soundcard", see=False, id=3)
        error = client.until("error")
        assert (error["code"], error["id"]) == ("soundcard", 3)
        assert "--soundcard" in error["message"]


def test_beats_and_scenes_are_taken(served) -> None:
    with served.socket() as client:
        client.send(type="clock", t=now())
        for action in ("tap", "double", "half", "nudge", "release"):
            client.send(type="beat", action=action, t=now(), ms=20)
        client.send(type="scene")
        client.send(type="set", values={"camera.zoom": 0.5}, id="after")
        assert client.until("config", "error") == {
            "type": "config",
            "values": {"camera.zoom": 0.5},
            "id": "after",
        }
        client.pictures(2)


def test_a_session_waits_for_its_performer(served) -> None:
    with served.socket() as client:
        client.until("hello")
        client.send(type="set", values={"prompt.base_prompt": "green waves"}, id=1)
        client.until("config")
        session = client.session
    with served.socket(f"?resume={session}") as again:
        hello = again.until("hello")
        assert hello["session"] == session
        assert hello["config"]["prompt"]["base_prompt"] == "green waves"
        again.pictures(2)


def test_a_session_that_is_gone_becomes_a_new_one(served) -> None:
    with served.socket("?resume=never-was") as client:
        assert client.until("hello")["session"] != "never-was"
        client.pictures(1)


def test_taking_over_says_so_to_the_one_who_had_it(served) -> None:
    with served.socket() as first:
        first.until("hello")
        with served.socket(f"?resume={first.session}") as second:
            assert second.until("hello")["session"] == first.session
            bye, code = first.goodbye()
            assert (bye["type"], bye["code"], code) == ("bye", "replaced", 1000)
            second.pictures(2)


def test_a_session_ends_after_the_grace(base, config) -> None:
    with serving(base, config, Limits(grace_seconds=0.2)) as served:
        with served.socket() as client:
            client.until("hello")
            session = client.session
            watcher = served.socket(f"?watch={session}")
            watcher.pictures(1)
        bye, code = watcher.goodbye()
        assert (bye["code"], code) == ("ended", 1000)
        assert state(served)["sessions"] == []


def test_watchers_see_the_same_pictures_encoded_once(served) -> None:
    with served.socket() as performer:
        performer.until("hello")
        with (
            served.socket(f"?watch={performer.session}") as one,
            served.socket("?watch=latest") as other,
        ):
            assert one.until("hello")["role"] == "watch"
            seen = {picture.sequence: picture.jpeg for picture in one.pictures(12)}
            for picture in other.pictures(12) + performer.pictures(12):
                assert seen.get(picture.sequence, picture.jpeg) == picture.jpeg
            channel = served.app_state.registry.find(performer.session).channel
            sent = served.app_state.tally.pictures._value.get()
            assert channel.meter.calls < sent


def test_watchers_cannot_perform(served) -> None:
    with served.socket("?watch=latest") as watcher:
        watcher.send(type="scene")
        error = watcher.until("error")
        assert error["code"] == "role"
        watcher.send_packet(1, jpeg())
        assert watcher.until("error")["code"] == "role"
        watcher.send(type="clock", t=now())
        watcher.until("clock")


def test_latest_is_the_house_until_somebody_performs_and_again_afterwards(base, config) -> None:
    with (
        serving(base, config, Limits(grace_seconds=0.2)) as served,
        served.socket("?watch=latest") as watcher,
    ):
        watcher.pictures(2)
        assert state(served)["sessions"] == []
        house = state(served)["house"]
        assert house["consumers"] == 1
        with served.socket() as performer:
            performer.until("hello")
            performer.send(type="set", values={"inference.width": 96}, id=1)
            performer.until("config")
            performer.pictures(10)
            wide = next(p for p in _many(watcher) if size_of(p.jpeg) == (96, SIDE))
            assert wide
            assert state(served)["house"]["consumers"] == 0
        assert next(p for p in _many(watcher) if size_of(p.jpeg) == (SIDE, SIDE))
        assert state(served)["house"]["id"] == house["id"]


def _many(client, most=400):
    for _ in range(most):
        yield client.pictures(1)[0]


def test_who_is_too_many_is_told(base, config) -> None:
    with (
        serving(base, config, Limits(sessions=1, sockets_per_address=2)) as served,
        served.socket() as first,
    ):
        first.until("hello")
        with served.socket() as second:
            bye, code = second.goodbye()
            assert (bye["type"], bye["code"], code) == ("bye", "full", 1013)
            assert "1 sessions" in bye["message"]
        with served.socket("?watch=latest") as watcher, served.socket("?watch=latest") as third:
            watcher.pictures(1)
            bye, code = third.goodbye()
            assert (bye["code"], code) == ("full", 1013)
        with served.socket("?watch=nobody") as lost:
            bye, code = lost.goodbye()
            assert (bye["code"], code) == ("unknown", 1008)
        first.pictures(2)


def test_who_comes_back_without_its_session_finds_room(base, config) -> None:
    with serving(base, config, Limits(sessions=1, grace_seconds=60)) as served:
        with served.socket() as first:
            first.until("hello")
        with served.socket() as again:
            assert again.until("hello")["session"] != first.session
            again.pictures(1)


def test_stopping_says_goodbye(base, config) -> None:
    with serving(base, config) as served:
        client = served.socket()
        client.until("hello")
    bye, code = client.goodbye()
    assert (bye["type"], bye["code"], code) == ("bye", "stopped", 1001)


def test_credits_come_whenever_seeing_begins(served) -> None:
    """On, off, on: what was not spent before is void."""
    with served.socket() as client:
        client.until("hello")
        for turn in range(3):
            client.send(type="source", hear="nothing", see=True, id=turn)
            assert client.until("ready")["credits"] == 2
            client.send(type="source", hear="nothing", see=False, id=turn)
            client.until("source", see=False, id=turn)
        client.send(type="source", hear="nothing", see=True)
        assert client.until("ready")["credits"] == 2
        # and pictures are taken, one for each
        for _ in range(4):
            client.send_packet(1, jpeg())
            assert client.until("ready")["credits"] == 1


def test_who_moves_pictures_itself_is_told_the_cameras_way(served) -> None:
    with served.socket("?keys=1") as client:
        client.send(type="set", values={"camera.rotate": 90.0}, id=1)
        client.until("config", id=1)
        client.pictures(3)
        client.ways.clear()
        pictures = client.pictures(4)
        assert [size_of(picture.jpeg) for picture in pictures] == [(SIDE, SIDE)] * 4
        for flags, (re, im, *_, seconds) in client.ways:
            assert flags == 0 and seconds > 0
            # a quarter of a turn a second, and the guide that holds the picture turns that much faster
            assert 0.3 < math.atan2(im, re) / seconds < 1.1 * math.radians(90.0) * POSE_TURN


def test_the_first_key_has_no_way_and_missed_ones_are_made_up_for(served) -> None:
    with served.socket("?keys=1") as client:
        client.pictures(1)
        assert client.ways[0][0] == 1


def test_a_path_is_whole_however_many_keys_were_missed() -> None:
    path, step = Path(), Way(Motion(1.1 + 0.1j, 0.01j), 0.1)
    for number in range(300):
        path.add(number, step)
    assert path.between(None, 5).cut and path.between(3, 299).cut
    whole = path.between(290, 299)
    assert not whole.cut and whole.seconds == pytest.approx(0.9)
    assert whole.motion.turn == pytest.approx((1.1 + 0.1j) ** 9)
