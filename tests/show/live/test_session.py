"""A running session, on a toy model: everything changes, nothing stops."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import numpy as np
import pytest

from phosphene.config import PipelineConfig, TimedPrompt
from phosphene.errors import ConfigError, InputError
from phosphene.show.live import Session, Source
from tests.conftest import make_features
from tests.show.live.running_shows import Watcher, now, quick_config, show
from tests.show.toy import toy

FEATURES = make_features(num_frames=2400)


def test_pictures_come_by_themselves():
    with show() as (_, watcher):
        shown = watcher.frames(20)
    assert [one.sequence for one in shown] == list(range(shown[0].sequence, shown[0].sequence + 20))
    for one in shown:
        assert one.image.shape == (64, 64, 3)
        assert one.image.dtype == np.uint8
        assert one.position is None
        assert one.moment.beat_position >= 0
    assert all(a.captured < b.captured for a, b in pairwise(shown))
    assert watcher.errors == []


def test_the_configured_rate_is_kept():
    config = quick_config()
    config.live.fps = 40.0
    with show(config) as (_, watcher):
        times = [one.captured for one in watcher.frames(60)]
    assert (times[-1] - times[0]) / 59 >= 0.9 / 40


def test_a_changed_setting_is_in_force_and_told():
    with show() as (session, watcher):
        watcher.frames(1)
        told = session.set({"camera.zoom": -2, "prompt.base_prompt": "blue"})
        assert told == {"camera.zoom": -2.0, "prompt.base_prompt": "blue"}
        assert session.config.camera.zoom == -2.0
        with pytest.raises(ConfigError):
            session.set({"camera.zoom": 1, "camera.warp": 99})
        assert session.config.camera.zoom == -2.0


def test_the_config_is_a_copy_on_both_sides():
    config = quick_config()
    session = Session(toy(), config)
    config.prompt.timeline.append(TimedPrompt(at=1, prompt="x"))
    session.config.prompt.timeline.append(TimedPrompt(at=2, prompt="y"))
    assert session.config.prompt.timeline == []
    session.close()


def test_a_new_prompt_changes_the_picture():
    config = quick_config()
    config.prompt.transition_seconds, config.prompt.chroma_strength = 0.0, 0.0
    base = toy()
    with show(config, base) as (session, watcher):
        before = watcher.frames(30)[-1].image
        session.set({"prompt.base_prompt": "quite another one"})
        watcher.until(lambda: np.abs(watcher.shown[-1].image.astype(int) - before).mean() > 10)
        # chroma prompts, the base prompt, the empty negative one, and then the new one: each once
        assert len(base.prompts) == len(set(base.prompts))


def test_of_a_flood_the_last_value_wins():
    base = toy()
    with show(base=base) as (session, watcher):
        watcher.frames(3)
        for k in range(2000):
            session.set({"prompt.base_prompt": f"prompt {k}", "camera.zoom": k / 1000})
        assert session.config.camera.zoom == 1.999
        watcher.until(lambda: "prompt 1999" in base.prompts)
        watcher.frames(2)
        # most of them were never looked at
        assert len(base.prompts) < 1500
    assert watcher.errors == []


def test_a_size_changes_under_way():
    with show() as (session, watcher):
        watcher.frames(3)
        session.set({"inference.width": 128, "inference.height": 96})
        watcher.until(lambda: watcher.shown[-1].image.shape == (96, 128, 3))
        assert (session.stats().level.width, session.stats().level.height) == (128, 96)
        session.set({"inference.width": 64})
        watcher.until(lambda: watcher.shown[-1].image.shape == (96, 64, 3))
        with pytest.raises(ConfigError, match="multiple of 16"):
            session.set({"inference.width": 72})
        watcher.frames(3)
    assert watcher.errors == []


@pytest.mark.parametrize(("steps", "buffer"), [(1, 4), (3, 1), (2, 3)])
def test_any_number_of_steps_and_buffers(steps, buffer):
    with show() as (session, watcher):
        watcher.frames(2)
        session.set({"stream.denoising_steps": steps, "stream.frame_buffer_size": buffer})
        watcher.frames(20)
        session.set({"stream.denoising_steps": 1, "stream.frame_buffer_size": 1})
        watcher.frames(5)
    assert watcher.errors == []


@pytest.mark.parametrize(("steps", "buffer"), [(1, 1), (3, 1), (1, 4), (2, 2)])
def test_a_picture_tells_of_the_moment_it_was_made_for(steps, buffer):
    """Through every latency: its stamp is that of the frame that is shown, not of the newest one."""
    config = quick_config()
    config.stream.denoising_steps, config.stream.frame_buffer_size = steps, buffer
    with show(config) as (session, watcher):
        session.use(Source("song", features=FEATURES))
        session.clock(0.0, True, 1.0, 0.0, now())
        watcher.until(lambda: sum(one.position is not None for one in watcher.shown) > 30)
        shown = [one for one in watcher.shown if one.position is not None][steps * buffer :]
        anchor = shown[0]
    for one in shown:
        # position and capture time are those of one and the same frame
        assert one.position - anchor.position == pytest.approx(
            one.captured - anchor.captured, abs=1e-6
        )
    positions = [one.position for one in shown]
    assert positions == sorted(set(positions))


def test_sources_change_without_a_gap():
    with show() as (session, watcher):
        watcher.frames(3)
        for _ in range(3):
            session.use(Source("song", features=FEATURES))
            session.clock(5.0, True, 1.0, 0.0, now())
            watcher.until(lambda: watcher.shown[-1].position is not None)
            assert watcher.shown[-1].tempo == 120.0
            session.use(Source())
            watcher.until(lambda: watcher.shown[-1].position is None)
        shown = watcher.shown[1:]
    # a busy machine shows pictures further apart, which differ by more
    changes = [
        np.abs(a.image.astype(int) - b.image).mean() / max(1.0, (b.captured - a.captured) * 30)
        for a, b in pairwise(shown)
    ]
    assert max(changes) < 25
    assert min(one.image.max() for one in shown) > 0


def test_a_song_without_features_changes_nothing():
    with show() as (session, watcher):
        with pytest.raises(InputError):
            session.use(Source("song", see=True))
        watcher.frames(3)


def test_the_timeline_rules_in_a_song():
    config = quick_config()
    config.prompt.timeline = [TimedPrompt(at=50.0, prompt="fifty")]
    base = toy()
    with show(config, base) as (session, watcher):
        session.use(Source("song", features=FEATURES))
        session.clock(49.9, True, 1.0, 0.0, now())
        watcher.until(lambda: (watcher.shown[-1:] or [None])[0] is not None)
        watcher.until(lambda: (watcher.shown[-1].position or 0) > 50.1)
    assert "fifty" in base.prompts


def test_held_is_still_and_goes_on():
    with show() as (session, watcher):
        watcher.frames(3)
        session.hold(True)
        # at most two are still on their way
        settled = threading.Event()
        settled.wait(0.2)
        count = len(watcher.shown)
        settled.wait(0.3)
        assert len(watcher.shown) == count
        session.hold(False)
        watcher.frames(3)


def test_scenes_and_beats_by_hand():
    with show() as (session, watcher):
        watcher.frames(2)
        session.scene()
        for tap in range(4):
            session.beat("tap", 100.0 + tap * 0.5)
        watcher.until(lambda: abs(watcher.shown[-1].tempo - 120.0) < 1)
        session.beat("half", 102.0)
        watcher.until(lambda: abs(watcher.shown[-1].tempo - 60.0) < 1)


def test_who_unsubscribes_sees_no_more():
    with show() as (session, watcher):
        other = Watcher(session)
        other.frames(2)
        other.unsubscribe()
        watcher.frames(2)
        count = len(other.shown)
        watcher.frames(5)
        assert len(other.shown) == count


def test_a_listener_that_fails_harms_nobody():
    def fail(shown):
        raise RuntimeError("broken viewer")

    with show() as (session, watcher):
        session.subscribe(fail)
        watcher.frames(10)
        assert [text for text in watcher.errors if "broken viewer" in text] == watcher.errors[:1]


def test_many_sessions_share_a_model_and_nothing_else():
    base = toy()
    configs = [quick_config(width=64 + 16 * k, seed=k) for k in range(4)]
    sessions = [Session(base, config) for config in configs]
    watchers = [Watcher(session) for session in sessions]
    for session in sessions:
        session.start()
    for k, watcher in enumerate(watchers):
        assert watcher.frames(10)[-1].image.shape == (64, 64 + 16 * k, 3)
    sessions[0].set({"camera.zoom": 3})
    assert sessions[1].config.camera.zoom != 3
    assert base.inference_config.width == 64
    for session in sessions:
        session.close()
    assert len({session.id for session in sessions}) == 4
    shares = [len(watcher.shown) for watcher in watchers]
    assert min(shares) > max(shares) / 4


def test_fifty_sessions_leave_nothing_behind():
    base = toy()

    def once():
        with show(base=base) as (_, watcher):
            watcher.frames(1)

    once()
    threads = threading.active_count()
    for _ in range(50):
        once()
    assert threading.active_count() == threads


def test_closing_twice_and_unstarted_and_from_a_listener():
    session = Session(toy(), quick_config())
    session.close()
    session.close()
    session = Session(toy(), quick_config())
    closed = threading.Event()

    def end(shown):
        session.close()
        closed.set()

    session.subscribe(end)
    session.start()
    assert closed.wait(20)
    session.close()


def test_closing_is_quick_though_nothing_moves():
    with show() as (session, watcher):
        watcher.frames(1)
        session.use(Source(see=True))
        session.hold(True)
        began = time.monotonic()
        session.close()
        assert time.monotonic() - began < 5


def test_stats_tell_how_it_goes():
    with show() as (session, watcher):
        watcher.frames(30)
        stats = session.stats()
        assert stats.fps > 0
        assert stats.step_ms > 0
        assert stats.finish_ms > 0
        assert 0 < stats.age_ms < 10_000
        assert (stats.level.steps, stats.level.width, stats.level.height) == (1, 64, 64)
        assert not stats.lowered
        assert stats.reason == ""
        assert stats.frames >= 30


def test_what_the_model_suggests_fills_what_nobody_set():
    class Opinionated(type(toy())):
        @classmethod
        def suggest(cls, config):
            config.latent.suggest(fresh=0.5)
            config.stream.suggest(anchor=0.4)

    config = quick_config()
    config.stream.anchor = 0.1
    base = Opinionated(config.diffusion, config.inference)
    session = Session(base, config)
    assert session.config.latent.fresh == 0.5
    assert session.config.stream.anchor == 0.1
    assert 0 < session.config.stream.strength < 1
    session.close()


def test_a_size_the_model_cannot_draw_is_refused_at_once():
    config = PipelineConfig()
    config.inference.width = 1024
    with pytest.raises(ConfigError, match="at most 512"):
        Session(toy(), config)
