"""The music moves the picture, by as much as the knobs say, at any frame rate."""

from dataclasses import replace

import numpy as np
import pytest

from phosphene.audio.moment import frame_features
from phosphene.config import PipelineConfig
from phosphene.diffusion import StreamDiffusionPipeline, load_pipeline
from phosphene.show.crossfade import decoded
from phosphene.show.mapping import default_mapping, during, excite, saturate, surged
from phosphene.show.performance import Performance
from phosphene.show.render import apply_size
from phosphene.video.flash import FlashLimiter
from tests.conftest import make_features


def reactions(config, fps=24.0, seconds=4):
    features = make_features(num_frames=round(fps * seconds), fps=fps)
    mapping = default_mapping(config)
    return features, [mapping(frame_features(features, i)) for i in range(features.num_frames)]


def test_attacks_zoom_and_loosen() -> None:
    features, out = reactions(PipelineConfig())
    zoom = np.log2([r.camera.zoom for r in out])
    noise = np.array([r.noise_scale for r in out])
    assert np.corrcoef(zoom, features.onset_strength)[0, 1] > 0.9
    assert np.corrcoef(noise, features.onset_strength)[0, 1] > 0.99
    assert all(r.controls.shape == (5,) for r in out)
    assert all((r.controls >= 0).all() and (r.controls <= 1).all() for r in out)


def test_reactivity_zero_is_calm() -> None:
    config = PipelineConfig()
    config.react.reactivity = 0
    _, out = reactions(config)
    assert {round(r.camera.zoom, 6) for r in out} == {round(out[0].camera.zoom, 6)}
    assert {r.noise_scale for r in out} == {1.0}


def test_any_frame_rate_gives_the_same_journey() -> None:
    totals = []
    for fps in (24.0, 60.0):
        _, out = reactions(PipelineConfig(), fps)
        moves = [during(r.camera, 1 / fps) for r in out]
        totals.append((sum(np.log2(m.zoom) for m in moves), sum(m.rotate for m in moves)))
    # a sharp attack that falls on a frame weighs more when frames are long
    assert totals[0][0] == pytest.approx(totals[1][0], rel=0.25)
    assert totals[0][1] == pytest.approx(totals[1][1], rel=0.02)


def test_zoom_out_punches_outwards() -> None:
    config = PipelineConfig()
    config.camera.zoom = -1
    _, out = reactions(config)
    assert all(r.camera.zoom < 1 for r in out)


def test_gains_and_usual() -> None:
    react = PipelineConfig().react
    assert saturate(1.0) == pytest.approx(0.5)
    assert saturate(0.0) == 0
    assert excite(1.0, 1.0, react) == 1
    react.reactivity = 3
    assert excite(1.0, 1.0, react) == 1
    assert excite(0.1, 1.0, react) == 0
    assert excite(2.0, 1.0, react) == pytest.approx(4)


def test_attacks_recall_the_remembered_shape_and_swell_it() -> None:
    features, out = reactions(PipelineConfig())
    recall = np.array([r.recall for r in out])
    swell = np.array([r.pose.zoom for r in out])
    assert np.corrcoef(recall, features.onset_strength)[0, 1] > 0.99
    assert np.corrcoef(swell, features.onset_strength)[0, 1] > 0.7
    assert (recall >= PipelineConfig().stream.anchor).all()
    config = PipelineConfig()
    config.stream.anchor = 0
    assert all(r.recall == 0 for r in reactions(config)[1])


def test_remembered_shapes_move_on_always_and_most_on_the_beat() -> None:
    _, out = reactions(PipelineConfig())
    reaction = out[0]
    beats = np.linspace(0, 8, 8 * 48 + 1)
    # at 120 beats a minute
    moved = reaction.pace * beats / 2 + np.array([surged(reaction.surge, b, 0.0) for b in beats])
    speed = np.diff(moved)
    assert (speed > 0).all()
    phase = 2 * np.pi * (beats[1:] + beats[:-1]) / 2
    assert np.corrcoef(speed, np.cos(phase))[0, 1] > 0.9
    # over whole beats it is neither late nor early
    assert moved[-1] == pytest.approx(4.0)
    config = PipelineConfig()
    config.stream.pace = 0
    assert all(r.pace == r.surge == 0 for r in reactions(config)[1])


def test_an_attack_off_the_beat_punches_less_and_stirs_as_much() -> None:
    heard = replace(frame_features(make_features(), 0), onset=0.8, bass=1.5)
    on, off = (default_mapping(PipelineConfig())(replace(heard, off_beat=p)) for p in (0.0, 1.0))
    assert off.controls[3] == pytest.approx(0.35 * on.controls[3])
    assert 1 < off.pose.zoom < on.pose.zoom
    assert off.camera.zoom < on.camera.zoom
    assert (off.noise_scale, off.recall) == (on.noise_scale, on.recall)


def test_a_picture_of_eighths_goes_on() -> None:
    """Attacks between beats light up so little that hardly a frame is held back as a flash."""
    features = make_features(num_frames=96)
    eighths = 0.6 * np.exp(-6 * (2 * features.beat_position % 1.0)).astype(np.float32)
    features = replace(
        features,
        onset_strength=eighths,
        energy=np.full(96, 0.6, np.float32),
        tempo_curve=np.full(96, 120, np.float32),
    )

    def held(off_beat: float) -> float:
        config = PipelineConfig()
        config.prompt.base_prompt = "crimson and gold mandala"
        config.react.off_beat = off_beat
        base = load_pipeline(config.diffusion, config.inference)
        base.suggest(config)
        apply_size(base, config, (256, 144))
        show = Performance(features, config, StreamDiffusionPipeline(base, config.stream))
        limiter = FlashLimiter(features.fps)
        pictures = (decoded(base, show.step(show.cue(frame))) for frame in range(96))
        return float(np.mean([limiter(picture) is not picture for picture in pictures]))

    assert held(1.0) > 0.15
    assert held(PipelineConfig().react.off_beat) < 0.06
