"""Fewer keys, the same show: where they fall, what they are told, and the same frames resumed or not."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from phosphene.config import PipelineConfig
from phosphene.diffusion import StreamDiffusionPipeline
from phosphene.diffusion.stream import Key
from phosphene.show.cadence import key_frames
from phosphene.show.display import Motion, composed
from phosphene.show.drawing import Part, draw
from phosphene.show.dream import breath
from phosphene.show.finish import Tween, field_between, fineness
from phosphene.show.performance import Performance
from phosphene.show.sinks.memory import MemorySink
from phosphene.stream.camera import warp
from phosphene.stream.coherence import LEAST_KEPT, coherent_strength, over
from phosphene.stream.schedule import Schedule
from tests.show.toy import field_toy, toy

FPS = 24


def song(seconds: float = 3.0, beats: list[int] | None = None):
    """Three seconds with beats at given frames, and some life in the bands."""
    features = breath(seconds, FPS, seed=3)
    return replace(features, beat_frames=np.array(beats or [], np.int64))


def settings(cadence: int | str = 1, steps: int = 1) -> PipelineConfig:
    config = PipelineConfig()
    config.stream.cadence = cadence  # type: ignore[assignment]
    config.stream.denoising_steps = steps
    config.inference.width = config.inference.height = 64
    config.video.segment_seconds = 0.5
    return config


class Kept(MemorySink):
    """Frames and the states after them."""

    def __init__(self, first: int = 0) -> None:
        super().__init__()
        self.next = first
        self.states: dict[int, bytes] = {}

    def write(self, image: np.ndarray, index: int) -> None:
        assert index == self.next
        self.next += 1
        super().write(image.copy(), index)

    def cut(self, state: bytes) -> None:
        self.states[self.next] = state


def frames_of(config, features, part=None):
    """Frames and states of a part, without an encoder."""
    sink = Kept((part or Part()).first)
    list(draw(part or Part(), sink, Fraction(FPS), features, config, toy()))
    return sink.take(), sink.states


def test_keys_meet_beats_that_are_near() -> None:
    features = song(2.0, beats=[0, 7, 15, 22, 30, 41])
    assert list(key_frames(features, 6)) == [0, 7, 12, 18, 22, 30, 36, 41]
    assert list(key_frames(features, 1)) == list(range(48))
    keys = list(key_frames(song(10.0), 7))
    assert keys == list(range(0, 240, 7))
    rng = np.random.default_rng(0)
    for cadence in range(2, 49):
        beats = sorted(set(rng.integers(0, 240, 40).tolist()))
        keys = list(key_frames(song(10.0, beats), cadence))
        gaps = np.diff(keys)
        assert keys[0] == 0 and gaps.min() >= 1
        assert gaps.max() <= cadence * (1 + 2 / 3) + 1


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("cadence", [1, 5])
def test_resumed_frames_are_the_frames(cadence: int, steps: int) -> None:
    config, features = settings(cadence, steps), song(3.0, beats=[11, 23, 38])
    frames, states = frames_of(config, features)
    assert len(frames) == features.num_frames
    assert len(states) >= 4
    for done, state in states.items():
        if not state:
            continue
        rest, _ = frames_of(config, features, Part(done, state=state))
        assert len(rest) == len(frames) - done
        for one, two in zip(frames[done:], rest, strict=True):
            np.testing.assert_array_equal(one, two)


def test_a_part_may_begin_anywhere() -> None:
    config, features = settings(5), song(3.0)
    config.video.limit_flashes = False
    frames, _ = frames_of(config, features, Part(33, warm_up=12))
    assert len(frames) == features.num_frames - 33


def test_keys_are_seldom_and_are_shown_at_their_frame() -> None:
    config, features = settings(), song(2.0)
    base = toy()
    calls = 0
    denoise = base.denoise

    def counted(*args, **options):
        nonlocal calls
        calls += 1
        return denoise(*args, **options)

    base.denoise = counted  # type: ignore[method-assign]
    stream = StreamDiffusionPipeline(base, config.stream)
    performance = Performance(features, config, stream)
    performance.cadence = 6
    tweens = list(performance.tweens(0, features.num_frames))
    assert len(tweens) == features.num_frames
    # the first picture takes more steps
    assert calls <= 8 + config.inference.num_inference_steps
    shares = [tween.share for tween in tweens[:13]]
    assert shares == pytest.approx(
        [0, *[i / 6 for i in range(1, 6)], 0, *[i / 6 for i in range(1, 6)], 0]
    )
    assert tweens[6].last is tweens[1].following


def test_the_director_sees_every_frame_at_any_cadence() -> None:
    """What is told of a frame by the clock is the same, and the camera goes the same way."""
    ends = []
    for cadence in (1, 4):
        config, features = settings(), song(2.0)
        config.camera.rotate, config.camera.pan_x, config.camera.warp = 40.0, 0.1, 0.0
        performance = Performance(features, config, StreamDiffusionPipeline(toy(), config.stream))
        performance.cadence = cadence
        list(performance.tweens(0, features.num_frames))
        ends.append(performance.state)
    one, four = ends
    assert one.frame == four.frame and one.time == pytest.approx(four.time)
    assert one.moved == pytest.approx(four.moved) and one.turned == pytest.approx(four.turned)
    assert one.walk.drift == pytest.approx(four.walk.drift)


def test_what_happens_in_a_frame_has_happened_so_often() -> None:
    assert over(0.25, 1) == pytest.approx(0.25)
    assert over(0.25, 3) == pytest.approx(1 - 0.75**3)
    schedule = Schedule.flow()
    kept = [schedule.from_blend_ratio(0.9**n) / schedule.t_max for n in (1, 2, 5)]
    ours = [coherent_strength(schedule, 0.9, 0.5, 1.0, True, n) for n in (1, 2, 5)]
    assert ours == pytest.approx(kept)
    # however long the pause, the next picture has something of the last
    least = schedule.from_blend_ratio(LEAST_KEPT) / schedule.t_max
    assert coherent_strength(schedule, 0.3, 0.5, 1.0, True, 20) == pytest.approx(least)


def test_between_keys_the_camera_goes_on_as_it_would_have_frame_by_frame() -> None:
    config, features = settings(), song(1.0)
    config.camera.rotate, config.camera.warp, config.camera.zoom = 60.0, 0.0, 2.0
    ways = []
    for cadence in (1, 6):
        performance = Performance(features, config, StreamDiffusionPipeline(toy(), config.stream))
        performance.cadence = cadence
        cues = []
        play = performance.step
        performance.step = lambda cue, play=play, cues=cues: (cues.append(cue), play(cue))[1]  # type: ignore[method-assign]
        tweens = list(performance.tweens(0, 24))
        ways.append((cues, tweens))
    every, sixth = ways
    frame_by_frame = composed(cue.camera for cue in every[0][1:7])
    told = Motion.of(sixth[0][1].camera)
    shown = sixth[1][5].whole
    for motion in (told, shown):
        assert motion.turn == pytest.approx(frame_by_frame.turn)
        assert motion.shift == pytest.approx(frame_by_frame.shift)
    assert abs(np.angle(shown.turn)) > 0.05
    assert sixth[0][1].span == 6


def test_auto_draws_as_fast_as_it_plays_and_says_so(monkeypatch) -> None:
    config, features, said = settings("auto"), song(1.0), []
    monkeypatch.setattr(
        "phosphene.show.cadence.time.perf_counter", iter(np.arange(99) * 0.3).__next__
    )
    performance = Performance(features, config, StreamDiffusionPipeline(toy(), config.stream))
    state = performance.state
    # a key in 0.3 s, at 24 frames a second
    assert performance.measure() == 8
    assert performance.state == state and performance._stream.state.finished is None
    monkeypatch.undo()
    list(draw(Part(), Kept(), Fraction(FPS), features, config, toy(), say=said.append))
    assert len(said) == 1 and "cadence" in said[0]


def test_fields_are_moved_and_mixed_before_they_are_painted() -> None:
    """Between two keys every place belongs to one of them, but for a few on their way; colours are mixed."""
    one = np.full((1, 2, 16, 24), -0.5, np.float32)
    two = np.full((1, 2, 16, 24), 0.5, np.float32)
    dark, bright = (np.full((1, 256, 3), grey, np.float32) for grey in (40, 200))
    last, following = Key(one, dark), Key(two, bright)
    turn = Motion(1.0 + 0.2j)
    means = []
    for share in (0.1, 0.5, 0.9):
        field = field_between(Tween(last, following, turn.part(share), turn, share))
        assert field.latent.shape == one.shape
        own = np.abs(np.abs(field.latent) - 0.5) < 0.05
        assert own.mean() > 0.5
        means.append((float(field.latent.mean()), float(np.mean(field.palette))))
    assert means == sorted(means)
    assert means[0][0] < -0.35 and means[2][0] > 0.35
    assert 60 < means[1][1] < 180
    alone = field_between(Tween(last, None, turn, Motion(), 0.5))
    np.testing.assert_allclose(alone.latent, one, atol=1e-5)
    assert alone.palette is dark


def test_a_moved_field_is_as_sharp_as_its_keys() -> None:
    rng = np.random.default_rng(4)
    one, two = rng.uniform(-1, 1, (2, 1, 2, 48, 48)).astype(np.float32)
    last, following = Key(one), Key(two)
    half = Motion(shift=0.5 / 48 + 0.5j / 48)
    wanted = fineness(one)
    # half a place away the finest waves of a grid cannot be seen
    assert np.all(fineness(warp(one, half.move)) < 0.5 * wanted)
    for tween in (Tween(last, None, half), Tween(last, following, half, half.part(2), 0.5)):
        np.testing.assert_allclose(fineness(field_between(tween).latent), wanted, rtol=0.1)


def test_a_render_of_fields_is_whole_at_any_cadence() -> None:
    config, features = settings(4), song(2.0)
    config.prompt.negative_prompt = "nothing"
    sink = Kept()
    list(draw(Part(), sink, Fraction(FPS), features, config, field_toy()))
    frames = sink.take()
    assert len(frames) == features.num_frames
    assert {frame.shape for frame in frames} == {(64, 64, 3)}
