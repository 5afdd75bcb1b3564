"""Input pictures: the newest wins, nothing queues, credits keep the client in step."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from phosphene.show.live import Source
from tests.show.live.running_shows import jpeg, now, quick_config, show
from tests.show.toy import ToyPipeline


class Mirror(ToyPipeline):
    """Shows the input picture as it is, when it may; a gate lets a test stop it in the encoder."""

    def load_model(self):
        super().load_model()
        self.gate = threading.Event()
        self.gate.set()

    def encode_image(self, frames):
        assert self.gate.wait(20)
        return super().encode_image(frames)


def mirror(config):
    config.stream.strength = 0.0
    config.video.limit_flashes = False
    return Mirror(config.diffusion, config.inference)


class Dyer(Mirror):
    """Wants its input pictures as bright as the prompt is long."""

    def dress(self, frames, embeds, strength):
        assert strength == 0.0
        wanted = self.encode_prompt("four")
        return np.full_like(frames, 200 if np.array_equal(embeds, wanted) else 50)


def grey(shown):
    return int(np.median(shown.image))


def send(session, watcher, value, captured):
    session.picture(jpeg(value), captured)
    watcher.until(lambda: watcher.shown and watcher.shown[-1].captured == captured)
    return watcher.shown[-1]


def test_a_picture_goes_in_and_its_own_answer_comes_out():
    config = quick_config()
    with show(config, mirror(config)) as (session, watcher):
        session.use(Source(see=True))
        for k, value in enumerate((10, 120, 240, 60)):
            begun = now() - 1 + k / 100
            assert grey(send(session, watcher, value, begun)) == pytest.approx(value, abs=3)
    assert watcher.errors == []


def test_pictures_are_dressed_for_the_prompt_that_is_drawn():
    config = quick_config()
    config.stream.strength, config.prompt.base_prompt = 0.0, "four"
    config.video.limit_flashes = False
    with show(config, Dyer(config.diffusion, config.inference)) as (session, watcher):
        watcher.frames(1)
        session.use(Source(see=True))
        assert grey(send(session, watcher, 120, now())) == pytest.approx(200, abs=3)
        session.set({"prompt.base_prompt": "longer"})
        # the prompt is encoded beside the pictures: some still wear the old one's colours
        assert any(grey(send(session, watcher, 120, now())) < 60 for _ in range(50))


def test_fine_lines_of_the_input_come_back():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 160
    config = quick_config()
    config.stream.detail = 1.0
    with show(config, mirror(config)) as (session, watcher):
        session.use(Source(see=True))
        # the model itself draws fields of 8 pixels
        lined = send(session, watcher, stripes, now()).image
        session.set({"stream.detail": 0.0})
        flat = send(session, watcher, stripes, now()).image
    assert lined[8:56, 8:56].std(axis=1).min() > 60
    assert flat.std() < 1


def test_without_pictures_the_last_one_stays():
    config = quick_config()
    with show(config, mirror(config)) as (session, watcher):
        session.use(Source(see=True))
        send(session, watcher, 99, now())
        count = len(watcher.shown)
        threading.Event().wait(0.2)
        assert len(watcher.shown) == count


def test_credits_come_and_come_back():
    config = quick_config()
    with show(config, mirror(config)) as (session, watcher):
        assert watcher.credits == []
        session.use(Source(see=True))
        watcher.until(lambda: watcher.credits == [2])
        for k in range(5):
            send(session, watcher, 50, now())
            watcher.until(lambda k=k: sum(watcher.credits) == 3 + k)


@pytest.mark.parametrize("buffer", [1, 3])
def test_the_window_is_twice_the_buffer(buffer):
    config = quick_config()
    config.stream.frame_buffer_size = buffer
    with show(config, mirror(config)) as (session, watcher):
        session.use(Source(see=True))
        watcher.until(lambda: sum(watcher.credits) == 2 * buffer)


def test_the_newest_wins_and_the_others_are_counted():
    config = quick_config()
    base = mirror(config)
    with show(config, base) as (session, watcher):
        watcher.frames(1)
        base.gate.clear()
        session.use(Source(see=True))
        watcher.until(lambda: sum(watcher.credits) == 2)
        begun = now()
        for k in range(40):
            session.picture(jpeg(k), begun + k / 1000)
        base.gate.set()
        watcher.until(lambda: watcher.shown[-1].captured == begun + 39 / 1000)
        assert grey(watcher.shown[-1]) == pytest.approx(39, abs=3)
        seen = [one for one in watcher.shown if one.captured >= begun]
        # the one that was being encoded, and the newest
        assert len(seen) <= 2
        watcher.until(lambda: session.stats().dropped >= 38)
        assert session.stats().pictures_waiting == 0


def test_rubbish_is_said_once_dropped_and_its_credit_comes_back():
    config = quick_config()
    with show(config, mirror(config)) as (session, watcher):
        session.use(Source(see=True))
        for k in range(3):
            session.picture(b"rubbish", now())
            watcher.until(lambda k=k: sum(watcher.credits) == 3 + k)
        assert watcher.errors == ["this picture cannot be decoded: send JPEG, PNG or WebP."]
        send(session, watcher, 70, now())
        session.picture(b"rubbish", now())
        watcher.until(lambda: len(watcher.errors) == 2)


def test_pictures_that_nobody_wants_are_dropped():
    config = quick_config()
    with show(config, mirror(config)) as (session, watcher):
        session.picture(jpeg(), now())
        watcher.frames(3)
        assert session.stats().dropped == 1
        assert watcher.credits == []
        session.use(Source(see=True))
        watcher.until(lambda: watcher.credits == [2])


def test_seeing_ends_and_begins_again():
    config = quick_config()
    with show(config, mirror(config)) as (session, watcher):
        for value in (30, 90):
            session.use(Source(see=True))
            assert grey(send(session, watcher, value, now())) == pytest.approx(value, abs=3)
            session.use(Source())
            watcher.frames(3)
        session.use(Source(see=True))
        watcher.until(lambda: sum(watcher.credits) >= 4)


def test_a_new_client_gets_credits_of_its_own():
    config = quick_config()
    with show(config, mirror(config)) as (session, watcher):
        session.use(Source(see=True))
        watcher.until(lambda: watcher.credits == [2])
        told = []
        session.on_credit(told.append)
        assert told == [2]


def test_the_size_may_change_between_encoding_and_drawing():
    config = quick_config()
    with show(config, mirror(config)) as (session, watcher):
        session.use(Source(see=True))
        for k in range(12):
            session.set({"inference.width": (64, 128)[k % 2]})
            shown = send(session, watcher, 100 + k, now())
            assert grey(shown) == pytest.approx(100 + k, abs=4)
    assert watcher.errors == []


def test_while_held_pictures_wait_unencoded():
    config = quick_config()
    with show(config, mirror(config)) as (session, watcher):
        session.use(Source(see=True))
        session.hold(True)
        last = now()
        for k in range(10):
            session.picture(jpeg(k), last - 10 + k)
        assert session.stats().pictures_waiting == 1
        session.hold(False)
        watcher.until(lambda: watcher.shown and watcher.shown[-1].captured == last - 1)
