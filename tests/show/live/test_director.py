"""The live director's cues: offline's where the song is the same, smooth where it is not."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from phosphene.audio.moment import frame_features
from phosphene.config import InferenceConfig, PipelineConfig, TimedPrompt
from phosphene.show.director import Director
from phosphene.show.live.director import LiveDirector
from phosphene.show.live.dream import Dream
from phosphene.show.live.heard import Heard
from phosphene.show.live.prompts import PromptBook
from phosphene.stream.camera import STILL, warp
from tests.conftest import make_features
from tests.show.toy import ToyPipeline, toy


class Remembering(ToyPipeline):
    """A toy with a memory of shapes."""

    def recall(self, embeds, variant=0, pose=STILL, motion=0.0):
        _, channels, height, width = self.get_latent_shape()
        rng = np.random.default_rng([variant, int(1000 * abs(embeds.sum()))])
        one, other = rng.normal(size=(2, 1, channels, height, width)).astype(np.float32)
        return warp(np.cos(motion) * one + np.sin(motion) * other, pose).astype(np.float32)


def remembering(size=64):
    config = PipelineConfig()
    return Remembering(config.diffusion, InferenceConfig(width=size, height=size))


class Rig:
    """A director whose prompts are encoded as soon as they are asked for."""

    def __init__(self, config, base=None):
        self.base = base or remembering()
        self.book = PromptBook(self.base.encode_prompt, threading.Condition())
        self.director = LiveDirector(self.base, config, self.book)
        self.config = config
        self.dream = Dream(0.0)

    def cue(self, heard, now, source=None):
        cue = self.director.cue(heard, now, source)
        while self.book.behind or cue is None:
            self.book.work()
            cue = cue or self.director.cue(heard, now, source)
        return cue

    def dreamt(self, now, source=None):
        return self.cue(self.dream.hear(now, 0.0), now, source)

    def set(self, section, **values):
        changed = getattr(self.config, section).model_copy(update=values)
        self.config = self.config.model_copy(update={section: changed})
        self.director.configure(self.config)


@pytest.mark.parametrize("fresh", [0.0, 0.7])
def test_a_song_played_through_gives_the_offline_cues(fresh):
    features = make_features(num_frames=300)
    config = PipelineConfig()
    config.latent.fresh = fresh
    config.live.fps = features.fps
    config.prompt.timeline = [TimedPrompt(at=4.0, prompt="something else entirely")]
    config.prompt.transition_seconds = 0.0
    rig = Rig(config)
    offline = Director(config, features, rig.base)
    ear = Dream(0.0)
    for frame in range(300):
        moment = frame_features(features, frame)
        heard = Heard(moment, 0.0, ear, 120.0, 1.0, position=moment.time)
        got, want = rig.cue(heard, 100.0 + moment.time), offline.cue(frame)
        assert got.frame == want.frame
        assert got.time == pytest.approx(want.time, abs=1e-6)
        assert got.energy == want.energy
        assert got.anchor_weight == pytest.approx(want.anchor_weight, abs=1e-5)
        assert got.camera.zoom == pytest.approx(want.camera.zoom, rel=1e-6)
        np.testing.assert_allclose(got.latent, want.latent, atol=1e-3)
        np.testing.assert_allclose(got.embeds, want.embeds, atol=0.03)
        np.testing.assert_allclose(got.anchor, want.anchor, atol=1e-3)
        np.testing.assert_array_equal(got.context.controls, want.context.controls)


def test_no_cue_before_the_first_prompt_is_encoded():
    base = toy()
    book = PromptBook(base.encode_prompt, threading.Condition())
    director = LiveDirector(base, PipelineConfig(), book)
    assert director.cue(Dream(0.0).hear(0.0, 0.0), 0.0) is None
    assert base.prompts == []


def test_a_new_prompt_shows_in_the_frame_after_and_eases_in():
    rig = Rig(PipelineConfig())
    before = rig.dreamt(0.0).embeds
    rig.set("prompt", base_prompt="a very different prompt")
    goal = rig.base.encode_prompt("a very different prompt")
    # the frame that asks for it, and the one by which it is encoded
    rig.dreamt(0.033)
    distances = [np.abs(rig.dreamt(0.066 + k / 30).embeds - goal).max() for k in range(70)]
    assert distances[1] < np.abs(before - goal).max()
    assert np.all(np.diff(distances) <= 1e-6)
    assert distances[-1] == pytest.approx(0.0, abs=1e-6)


def test_a_new_prompt_forgets_what_was_long_ago_and_nothing_else_does():
    rig = Rig(PipelineConfig())
    forgets = []
    for k in range(12):
        if k == 4:
            rig.set("stream", denoising_steps=2)
        if k == 7:
            rig.set("prompt", base_prompt="another one")
        forgets.append(rig.dreamt(k / 24).forget)
    # it is encoded while the frame after the change is drawn
    assert forgets == [k == 8 for k in range(12)]


def test_texts_are_encoded_once():
    rig = Rig(PipelineConfig())
    for frame in range(20):
        rig.set("prompt", base_prompt=("one", "two")[frame % 2])
        rig.dreamt(frame / 30)
    assert sorted(rig.base.prompts) == sorted(
        {"one", "two", PipelineConfig().prompt.base_prompt, *PipelineConfig().prompt.chroma_prompts}
        & set(rig.base.prompts)
    )


def test_a_bad_prompt_leaves_the_old_one():
    rig = Rig(PipelineConfig())
    before = rig.dreamt(0.0).embeds
    rig.set("prompt", base_prompt="never encoded")
    after = rig.director.cue(rig.dream.hear(0.1, 0.0), 0.1)
    np.testing.assert_array_equal(after.embeds, before)


def test_speeds_are_per_second_whatever_the_rate():
    def journey(fps):
        rig = Rig(PipelineConfig())
        return np.prod([rig.dreamt(frame / fps).camera.zoom for frame in range(2 * fps + 1)])

    assert journey(15) == pytest.approx(journey(60), rel=0.02)


@pytest.mark.parametrize(
    ("section", "knob", "values"),
    [("camera", "rotate", range(2, 22)), ("stream", "pace", np.linspace(4, 0, 20))],
)
def test_turning_a_knob_does_not_jump(section, knob, values):
    rig = Rig(PipelineConfig())
    for frame in range(3000):
        cue = rig.dreamt(frame / 30)
    last = cue.anchor
    moved = []
    for step, value in enumerate(values):
        rig.set(section, **{knob: float(value)})
        anchor = rig.dreamt(100.0 + step / 30).anchor
        moved.append(np.abs(anchor - last).mean())
        last = anchor
    # a jump would be as far as between two shapes that have nothing to do with each other
    assert max(moved) < 0.3


def test_at_pace_nought_what_is_remembered_stands_still():
    config = PipelineConfig()
    config.stream.pace = 0
    camera = config.camera
    camera.zoom = camera.rotate = camera.warp = camera.beat_punch = 0
    rig = Rig(config)
    still = [rig.dreamt(frame / 30).anchor for frame in range(10)]
    assert all(np.array_equal(still[0], other) for other in still)
    rig.set("stream", pace=1.0)
    assert np.abs(rig.dreamt(1.0).anchor - still[0]).mean() > 0.01


def test_a_seed_is_another_walk():
    rig, other = Rig(PipelineConfig()), Rig(PipelineConfig())
    np.testing.assert_array_equal(rig.dreamt(0.0).latent, other.dreamt(0.0).latent)
    rig.set("inference", seed=5)
    assert np.abs(rig.dreamt(0.1).latent - other.dreamt(0.1).latent).max() > 0.5


def test_a_size_is_the_same_show():
    rig = Rig(PipelineConfig())
    rig.dreamt(0.0)
    rig.base.inference_config.width = 128
    cue = rig.dreamt(0.1)
    assert cue.latent.shape == cue.anchor.shape == (1, 3, 8, 16)


def test_a_new_scene_draws_to_its_own_shape():
    rig = Rig(PipelineConfig())
    for frame in range(60):
        before = rig.dreamt(frame / 30)
    rig.director.scene()
    after = rig.dreamt(2.0)
    assert after.anchor_weight > before.anchor_weight + 0.3
    assert np.abs(after.anchor - before.anchor).mean() > 0.5


def test_what_is_seen_holds_the_shapes():
    config = PipelineConfig()
    config.stream.strength = 0.8
    rig = Rig(config)
    source = np.ones((1, 3, 8, 8), np.float32)
    cue = rig.dreamt(0.0, source)
    assert cue.source is source
    assert cue.anchor is source
    rig.set("stream", strength=1.0)
    assert rig.dreamt(0.1, source).anchor is not source


def test_a_model_without_a_memory():
    assert Rig(PipelineConfig(), toy()).dreamt(0.0).anchor is None


def test_a_long_pause_is_no_leap():
    rig = Rig(PipelineConfig())
    rig.dreamt(0.0)
    before = rig.dreamt(0.1)
    after = rig.dreamt(1000.0)
    assert after.time - before.time <= 0.25
    assert after.camera.zoom < 1.1
