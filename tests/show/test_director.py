"""The one director: the same offline and live, smooth whatever changes, and the same show at any rate."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from phosphene.audio.moment import frame_features
from phosphene.config import InferenceConfig, PipelineConfig, StreamConfig, TimedPrompt
from phosphene.diffusion.base import Recalled
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.errors import InputError
from phosphene.palettes import mix
from phosphene.prompt.book import PromptBook, encoder
from phosphene.show import director
from phosphene.show.display import Motion, composed
from phosphene.show.live.cues import LiveCues
from phosphene.show.live.dream import Dream
from phosphene.show.live.feature_frame import FeatureFrame
from phosphene.show.performance import Performance
from phosphene.stream.camera import STILL, CameraMove, warp
from tests.conftest import make_features
from tests.show.toy import FieldPipeline, ToyPipeline, field_toy, toy

FPS = 32.0
"""frames a second whose times add up exactly"""


class Remembering(ToyPipeline):
    """A toy with a memory of shapes."""

    def recall(
        self,
        embeds,
        variant=0,
        pose=STILL,
        motion=0.0,
        controls=None,
        *,
        before=None,
        share=1.0,
        seen=True,
    ):
        if before is not None:
            old = self.recall(*before, pose, motion, controls).latent
            new = self.recall(embeds, variant, pose, motion, controls).latent
            return Recalled((1 - share) * old + share * new)
        _, channels, height, width = self.get_latent_shape()
        rng = np.random.default_rng([variant, int(1000 * abs(embeds.sum()))])
        one, other = rng.normal(size=(2, 1, channels, height, width)).astype(np.float32)
        shape = np.cos(motion) * one + np.sin(motion) * other + 0.1 * controls[3]
        return Recalled(warp(shape.astype(np.float32), pose).astype(np.float32))


def remembering(size=64):
    config = PipelineConfig()
    return Remembering(config.diffusion, InferenceConfig(width=size, height=size))


class Live:
    """A live show whose prompts are encoded as soon as they are asked for."""

    def __init__(self, config, base=None):
        self.base = base or remembering()
        self.book = PromptBook(encoder(self.base), threading.Condition())
        self.cues = LiveCues(self.base, config, self.book)
        self.dream = Dream(0.0)

    def cue(self, heard, now, source=None):
        cue = self.cues.cue(heard, now, source)
        while self.book.behind or cue is None:
            self.book.work()
            cue = cue or self.cues.cue(heard, now, source)
        return cue

    def dreamt(self, now, source=None):
        return self.cue(self.dream.hear(now, 0.0), now, source)

    def set(self, section, **values):
        changed = getattr(self.cues.config, section).model_copy(update=values)
        self.cues.config = self.cues.config.model_copy(update={section: changed})

    def song(self, features, first=0):
        """Cues of a song that plays through; frame by frame, so that settings may change between."""
        for frame in range(first, features.num_frames):
            moment = frame_features(features, frame)
            heard = FeatureFrame(moment, 0.0, self.dream, 120.0, 1.0, position=moment.time)
            yield self.cue(heard, 100.0 + frame / features.fps)


class Offline:
    """A render of the same song."""

    def __init__(self, config, features, base=None):
        self.base = base or remembering()
        self.performance = Performance(
            features, config, StreamDiffusionPipeline(self.base, StreamConfig())
        )
        self.features = features

    def song(self, first=0):
        for frame in range(first, self.features.num_frames):
            yield self.performance.cue(frame)


def assert_same(one, other):
    for name, value in vars(one).items():
        twin = getattr(other, name)
        if name == "context":
            assert value.kind == twin.kind
            pairs = [(array, getattr(twin, key)) for key, array in value.items()]
        else:
            pairs = [(value, twin)]
        for a, b in pairs:
            if isinstance(a, np.ndarray):
                np.testing.assert_array_equal(a, b, err_msg=name)
            else:
                assert a == b, name


def busy(fps=FPS):
    """Settings with everything on its way at once."""
    config = PipelineConfig()
    config.latent.fresh = 0.7
    config.live.fps = fps
    config.prompt.timeline = [
        TimedPrompt(at=2.0, prompt="something else entirely"),
        TimedPrompt(at=2.5, prompt="before that is over"),
    ]
    config.prompt.transition_seconds = 2.0
    return config


@pytest.mark.parametrize("make", [remembering, field_toy, toy])
def test_offline_and_live_give_equal_cues_with_prompts_on_their_way(make):
    features = make_features(num_frames=200, fps=FPS)
    live, offline = Live(busy(), make()), Offline(busy(), features, make())
    for got, want in zip(live.song(features), offline.song(), strict=True):
        assert_same(got, want)


def test_the_same_timed_changes_give_equal_cues():
    """Settings changed in mid song: what the performer's hands do live, a score does offline."""
    features = make_features(num_frames=200, fps=FPS)
    changes = {
        20: ("camera", {"rotate": 40.0}),
        50: ("stream", {"pace": 2.0}),
        60: ("prompt", {"base_prompt": "written in the middle"}),
        65: ("prompt", {"chroma_strength": 0.9}),
        120: ("latent", {"distance": 1.0}),
    }
    live, offline = Live(busy()), Offline(busy(), features)
    pairs = zip(live.song(features), offline.song(), strict=True)
    for frame, (got, want) in enumerate(pairs):
        assert_same(got, want)
        if frame + 1 in changes:
            section, values = changes[frame + 1]
            live.set(section, **values)
            # what a score's player does
            live_config = live.cues.config
            offline.performance.config = live_config
            texts = (live_config.prompt.base_prompt,)
            while live.book.get(texts) is None:
                live.book.work()


def test_a_state_goes_on_exactly_where_it_was_saved():
    features = make_features(num_frames=150, fps=24.0)
    whole, first = Offline(busy(24.0), features), Offline(busy(24.0), features)
    cues = list(whole.song())
    played = first.song()
    for _ in range(70):
        next(played)
    again = Offline(busy(24.0), features)
    again.performance.state = director.restore(director.dump(first.performance.state))
    for got, want in zip(again.song(70), cues[70:], strict=True):
        assert_same(got, want)


def test_frames_may_be_passed_over_without_drawing():
    features = make_features(num_frames=100)
    whole, late = Offline(busy(24.0), features), Offline(busy(24.0), features)
    cues = list(whole.song())
    for frame in range(60):
        late.performance.pass_over(frame)
    for got, want in zip(late.song(60), cues[60:], strict=True):
        assert_same(got, want)


def test_another_version_s_state_is_refused():
    with pytest.raises(InputError, match="another version"):
        director.restore(b'{"frame": "never"}')


def journey(fps, seconds=8.0):
    """Where the picture has got to after a song of steady music at this rate."""
    features = make_features(num_frames=round(fps * seconds) + 1, fps=fps)
    for name in ("bass", "mid", "onset_strength", "energy"):
        object.__setattr__(features, name, np.ones(features.num_frames, np.float32))
    config = busy(fps)
    # the imaginary song's notes are other ones at another rate
    config.prompt.chroma_strength = 0.0
    offline = Offline(config, features)
    cues = list(offline.song())[1:]
    state = offline.performance.state
    return {
        "zoom": sum(np.log2(cue.camera.zoom) for cue in cues),
        "rotate": sum(cue.camera.rotate for cue in cues),
        "warp": sum(cue.camera.warp for cue in cues),
        "turned": state.turned,
        "moved": state.moved,
        "drift": state.walk.drift,
        "walked": state.walk.place.angle,
        "time": state.time,
        "prompt": np.abs(cues[-1].embeds).sum(),
    }


@pytest.mark.parametrize("fps", [10.0, 30.0, 60.0, 120.0])
def test_any_frame_rate_is_the_same_motion_per_second(fps):
    want, got = journey(24.0), journey(fps)
    for name, value in want.items():
        assert got[name] == pytest.approx(value, rel=0.01), name


def test_palettes_are_mixed_with_the_very_weights_of_the_prompts():
    config = PipelineConfig()
    config.prompt.transition_seconds = 2.0
    config.prompt.base_prompt = "a" * 40
    config.prompt.chroma_strength = 0.0
    live = Live(config, field_toy())
    first = live.dreamt(0.0)
    np.testing.assert_array_equal(
        first.context.palette, live.base.palettes(["a" * 40]), strict=True
    )
    live.set("prompt", base_prompt="b" * 200)
    for k in range(16):
        cue = live.dreamt(0.125 * (k + 1))
    shares = dict(live.cues.state.prompt.shares(2.0))
    new = shares[("b" * 200,)]
    assert 0.5 < new < 1
    ends = live.base.palettes(["a" * 40, "b" * 200])
    np.testing.assert_allclose(cue.context.palette[0], mix(ends, [1 - new, new]), atol=1e-3)
    # of one place per prompt, the embedding says the same weights
    method = live.cues.config.prompt.interpolation
    assert method == "slerp"
    a, b = (float(live.base.encode_prompt(text)[0, 0, 0]) for text in ("a", "b"))
    assert float(cue.embeds[0, 0, 0]) == pytest.approx((1 - new) * a + new * b, rel=1e-5)


def test_what_a_firm_guide_holds_goes_where_the_guide_goes():
    class Guided(FieldPipeline):
        def stance(self, embeds, pose):
            return CameraMove(pose.zoom, pose.rotate, pose.pan_x, pose.pan_y)

    config = PipelineConfig()
    config.stream.anchor, config.camera.zoom, config.camera.rotate = 0.9, 2.0, 30.0
    live = Live(config, Guided(config.diffusion, config.inference))
    cues = [live.dreamt(0.1 * k) for k in range(6)]
    # the guide does not zoom on and on, it sways
    ways = [Motion.of(cue.camera) for cue in cues[1:]]
    stands = [live.cues.state.stance]
    assert stands[0] is not None
    assert abs(composed(cue.camera for cue in cues[1:]).move.zoom - 1.0) < 0.05
    assert all(way.turn.imag > 0 for way in ways)
    # a loose one follows the picture, and a new prompt begins where it stands
    live.set("stream", anchor=0.2)
    free = live.dreamt(0.6).camera
    assert live.cues.state.stance is None
    assert free.zoom > 1.0
    live.set("stream", anchor=0.9)
    assert live.dreamt(0.7).camera.zoom > 1.0
    assert abs(live.dreamt(0.8).camera.zoom - 1.0) < 0.02


def test_the_guide_hears_and_is_told_what_it_takes_over_from():
    told = []

    class Guided(FieldPipeline):
        def recall(self, embeds, variant=0, pose=STILL, motion=0.0, controls=None, **change):
            told.append((float(embeds[0, 0, 0]), variant, controls, change))

    config = PipelineConfig()
    config.prompt.base_prompt = "a"
    live = Live(config, Guided(config.diffusion, config.inference))
    live.dreamt(0.0)
    assert told[-1][2].shape == (5,)
    assert told[-1][3] == {"before": None, "share": 1.0, "seen": True}
    live.set("prompt", base_prompt="z")
    shares = []
    for k in range(20):
        live.dreamt(0.1 * (k + 1))
        embeds, _, _, change = told[-1]
        shares.append(change["share"])
        if change["before"] is not None:
            assert embeds == pytest.approx(26 / 27)
            assert float(change["before"][0][0, 0, 0]) == pytest.approx(1 / 27)
    # the frame that asks for it still shows the old; then all of it within a second and a half
    assert shares[:2] == [1.0, 0.0]
    assert np.all(np.diff(shares[1:]) >= 0)
    assert shares[18] == 1.0
    assert told[-1][3]["before"] is None
    # another shape of the same prompt takes a beat
    live.cues.scene()
    variant = told[-1][1]
    live.dreamt(2.1)
    assert told[-1][1] == variant + 1
    assert told[-1][3]["before"][1] == variant
    for k in range(11):
        live.dreamt(2.2 + 0.1 * k)
    assert told[-1][3]["before"] is None


def test_no_cue_before_the_first_prompt_is_encoded():
    base = toy()
    live = LiveCues(base, PipelineConfig(), PromptBook(encoder(base), threading.Condition()))
    assert live.cue(Dream(0.0).hear(0.0, 0.0), 0.0) is None
    assert base.prompts == []


def test_a_new_prompt_shows_in_the_frame_after_and_eases_in():
    live = Live(PipelineConfig())
    before = live.dreamt(0.0).embeds
    live.set("prompt", base_prompt="a very different prompt")
    goal = live.base.encode_prompt("a very different prompt")
    # the frame that asks for it, and the one by which it is encoded
    live.dreamt(0.033)
    distances = [np.abs(live.dreamt(0.066 + k / 30).embeds - goal).max() for k in range(70)]
    assert distances[1] < np.abs(before - goal).max()
    assert np.all(np.diff(distances) <= 1e-6)
    assert distances[-1] == pytest.approx(0.0, abs=1e-6)


def test_a_new_prompt_forgets_what_was_long_ago_and_nothing_else_does():
    live = Live(PipelineConfig())
    forgets = []
    for k in range(12):
        if k == 4:
            live.set("stream", denoising_steps=2)
        if k == 7:
            live.set("prompt", base_prompt="another one")
        forgets.append(live.dreamt(k / 24).forget)
    # it is encoded while the frame after the change is drawn
    assert forgets == [k == 8 for k in range(12)]


def test_texts_are_encoded_once():
    live = Live(PipelineConfig())
    for frame in range(20):
        live.set("prompt", base_prompt=("one", "two")[frame % 2])
        live.dreamt(frame / 30)
    assert sorted(live.base.prompts) == sorted(
        {"one", "two", PipelineConfig().prompt.base_prompt, *PipelineConfig().prompt.chroma_prompts}
        & set(live.base.prompts)
    )


def test_a_bad_prompt_leaves_the_old_one():
    live = Live(PipelineConfig())
    before = live.dreamt(0.0).embeds
    live.set("prompt", base_prompt="never encoded")
    after = live.cues.cue(live.dream.hear(0.1, 0.0), 0.1)
    np.testing.assert_array_equal(after.embeds, before)


@pytest.mark.parametrize(
    ("section", "knob", "values"),
    [("camera", "rotate", range(2, 22)), ("stream", "pace", np.linspace(4, 0, 20))],
)
def test_turning_a_knob_does_not_jump(section, knob, values):
    live = Live(PipelineConfig())
    for frame in range(3000):
        cue = live.dreamt(frame / 30)
    last = cue.anchor
    moved = []
    for step, value in enumerate(values):
        live.set(section, **{knob: float(value)})
        anchor = live.dreamt(100.0 + step / 30).anchor
        moved.append(np.abs(anchor - last).mean())
        last = anchor
    # a jump would be as far as between two shapes that have nothing to do with each other
    assert max(moved) < 0.3


def test_at_pace_nought_what_is_remembered_stands_still():
    config = PipelineConfig()
    config.stream.pace = config.react.reactivity = 0
    camera = config.camera
    camera.zoom = camera.rotate = camera.warp = camera.beat_punch = 0
    live = Live(config)
    still = [live.dreamt(frame / 30).anchor for frame in range(10)]
    assert all(np.array_equal(still[0], other) for other in still)
    live.set("stream", pace=1.0)
    assert np.abs(live.dreamt(1.0).anchor - still[0]).mean() > 0.01


def test_a_seed_is_another_walk():
    live, other = Live(PipelineConfig()), Live(PipelineConfig())
    np.testing.assert_array_equal(live.dreamt(0.0).latent, other.dreamt(0.0).latent)
    live.set("inference", seed=5)
    assert np.abs(live.dreamt(0.1).latent - other.dreamt(0.1).latent).max() > 0.5


def test_a_size_is_the_same_show():
    live = Live(PipelineConfig())
    live.dreamt(0.0)
    live.base.inference_config.width = 128
    cue = live.dreamt(0.1)
    assert cue.latent.shape == cue.anchor.shape == (1, 3, 8, 16)


def test_a_new_scene_draws_to_its_own_shape():
    live = Live(PipelineConfig())
    for frame in range(60):
        before = live.dreamt(frame / 30)
    live.cues.scene()
    after = live.dreamt(2.0)
    assert after.anchor_weight > before.anchor_weight + 0.3
    for frame in range(40):
        after = live.dreamt(2.0 + (frame + 1) / 30)
    assert np.abs(after.anchor - before.anchor).mean() > 0.5


def test_what_is_seen_holds_the_shapes_where_a_model_draws_no_guide():
    config = PipelineConfig()
    config.stream.strength = 0.8
    source = np.ones((1, 3, 8, 8), np.float32)
    live = Live(config, toy())
    cue = live.dreamt(0.0, source)
    assert cue.source is source and cue.anchor is source
    live.set("stream", strength=1.0)
    assert live.dreamt(0.1, source).anchor is None
    # one that does draws it along what is seen, see `BaseDiffusionPipeline.follow`
    guided = Live(config).dreamt(0.0, source)
    assert guided.source is source and guided.anchor is not source


def test_a_model_without_a_memory():
    assert Live(PipelineConfig(), toy()).dreamt(0.0).anchor is None


def test_a_long_pause_is_no_leap():
    live = Live(PipelineConfig())
    live.dreamt(0.0)
    before = live.dreamt(0.1)
    after = live.dreamt(1000.0)
    assert after.time - before.time <= 0.25
    assert after.camera.zoom < 1.1


def test_a_mapping_of_one_s_own_moves_shapes_too():
    """Its pose, spin and pace count, and not the default's."""
    from phosphene.show.mapping import default_mapping

    def own(config):
        usual = default_mapping(config)
        return lambda heard: replace(usual(heard), pose=STILL, spin=1.0, pace=3.0, surge=0.0)

    live = Live(PipelineConfig())
    live.cues._inputs = replace(live.cues._inputs, mapping=own)
    for k in range(33):
        live.dreamt(k / 32)
    assert live.cues.state.turned == pytest.approx(1.0)
    assert live.cues.state.moved == pytest.approx(3.0)


def test_a_slow_machine_plays_the_same_show_with_fewer_pictures():
    """What a picture skips is counted in time: the camera goes as far, strength and blend count as often."""
    ways, spans = [], []
    for every in (1 / 30, 0.4):
        config = PipelineConfig()
        config.camera.rotate, config.camera.warp, config.camera.beat_punch = 50.0, 0.0, 0.0
        live = Live(config)
        # a show learns how slow its model is
        for k in range(9):
            live.dreamt((k - 9) * every)
        cues = [live.dreamt(k * every) for k in range(round(4 / every) + 1)]
        ways.append(composed(cue.camera for cue in cues[1:]))
        spans.append([cue.span for cue in cues[1:]])
    assert set(spans[0]) == {1.0}
    assert spans[1] == pytest.approx([12.0] * 10)
    turned = [np.angle(way.turn) % (2 * np.pi) for way in ways]
    assert turned[0] == pytest.approx(turned[1], rel=0.02)
