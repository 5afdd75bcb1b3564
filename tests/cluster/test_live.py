"""Live sessions that others play: through the real server, and the death of who plays one."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator

import psutil
import pytest
from PIL import Image

from phosphene.cluster.live.messages import Beat, Clock, Picture, Scene, Sound
from phosphene.cluster.live.remote import MOVED
from phosphene.cluster.live.replica_pool import ReplicaPool
from phosphene.errors import ConfigError
from phosphene.show.live import Shown, Source
from tests.cluster.catalogue import small
from tests.cluster.conftest import Machines, titled
from tests.server.client import now
from tests.server.conftest import serving

PATIENCE = 60.0
"""seconds to wait for anything; a loaded machine is slow"""


class Watcher:
    """Waits for pictures that are as they should be."""

    def __init__(self) -> None:
        self._bell = threading.Condition()
        self.shown: list[Shown] = []
        self.said: list[str] = []
        self.credits = 0

    def show(self, shown: Shown) -> None:
        with self._bell:
            self.shown.append(shown)
            self._bell.notify_all()

    def say(self, text: str) -> None:
        with self._bell:
            self.said.append(text)
            self._bell.notify_all()

    def credit(self, more: int) -> None:
        with self._bell:
            self.credits += more
            self._bell.notify_all()

    def until(self, true) -> None:
        with self._bell:
            assert self._bell.wait_for(lambda: true(self), PATIENCE)


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (96, 96), (200, 30, 30)).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture(scope="module")
def replicas(machines: Machines) -> Iterator[ReplicaPool]:
    made = ReplicaPool(small(), None)
    # both are up before anybody dies
    made.wait()
    yield made
    made.close()


def test_a_session_far_away_is_like_one_here(replicas: ReplicaPool) -> None:
    session, watcher = replicas.session(replicas.config), Watcher()
    session.subscribe(watcher.show)
    session.on_credit(watcher.credit)
    session.on_error(watcher.say)
    session.start()
    try:
        watcher.until(lambda w: len(w.shown) >= 3)
        assert watcher.shown[0].image.shape == (64, 64, 3)
        order = [shown.sequence for shown in watcher.shown]
        assert order == sorted(set(order))
        assert session.set({"prompt.base_prompt": "emerald forest"}) == {
            "prompt.base_prompt": "emerald forest"
        }
        assert session.config.prompt.base_prompt == "emerald forest"
        with pytest.raises(ConfigError, match="seeds"):
            session.set({"inference.seeds": 3})
        # the time of an input comes back with the picture that answers to it, on this clock
        session.use(Source(see=True))
        watcher.until(lambda w: w.credits > 0)
        captured = time.monotonic()
        session.picture(jpeg(), captured)
        watcher.until(lambda w: any(abs(s.captured - captured) < 0.02 for s in w.shown))
        assert session.stats().frames > 0
        # who is held draws nothing
        session.hold(True)
        assert not watcher.said
    finally:
        session.close()


def test_sessions_are_spread_and_move_when_their_player_dies(replicas: ReplicaPool) -> None:
    with (
        serving(replicas, replicas.config) as served,
        served.socket() as first,
        served.socket() as second,
    ):
        first.send(type="clock", t=now())
        first.pictures(2)
        second.pictures(2)
        handles = served.app_state.registry.handles
        players = {id(handle.session._seating.player) for handle in handles}
        assert len(players) == 2
        first.send(type="set", id=1, values={"prompt.base_prompt": "golden waves"})
        assert first.until("config")["values"] == {"prompt.base_prompt": "golden waves"}
        # the one that looks after the first session
        handle = served.app_state.registry.find(first.session)
        doomed = handle.session._seating
        pid = replicas.pid(doomed)
        psutil.Process(pid).kill()
        assert first.until("error")["message"] == MOVED
        before = first.pictures(1)[0].sequence
        assert [p.sequence for p in first.pictures(3)] > [before]
        # the same session, as it was; the other one heard nothing of it
        assert handle.session.config.prompt.base_prompt == "golden waves"
        assert handle.session._seating is not doomed
        second.pictures(2)
    assert not titled("ray::Player.look")


def test_a_call_is_moved_to_the_players_clock() -> None:
    assert Sound("samples", 48000, 7.5).moved(100.0).captured == 107.5
    assert Picture(b"jpeg", 7.5).moved(100.0).captured == 107.5
    assert Clock(3.0, True, 1.0, 0.1, 7.5).moved(100.0).at == 107.5
    assert Clock(3.0, True, 1.0, 0.1, 7.5).moved(100.0).position == 3.0
    assert Beat("tap", 7.5, 0.0).moved(100.0).at == 107.5
    scene = Scene()
    assert scene.moved(100.0) is scene
