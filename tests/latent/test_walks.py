"""Walks stay on the noise sphere, keep to the beat, and come out the same any way they are asked for."""

import numpy as np
import pytest
import torch

from phosphene.audio.moment import frame_features
from phosphene.config import LatentConfig
from phosphene.latent import LatentGenerator
from phosphene.latent.walk import WalkState, advance
from phosphene.latent.walks import ease_out
from tests.conftest import make_features, make_silence

SHAPE = (1, 4, 16, 16)


def angles(features, config):
    """Radians walked at every frame."""
    state, found = WalkState(), []
    for frame in range(features.num_frames):
        state = advance(state, frame_features(features, frame), 1 / features.fps, config)
        found.append(state.place.angle)
    return np.array(found)


@pytest.mark.parametrize("walk", ["circle", "spiral"])
@pytest.mark.parametrize("note", ["half", "beat", "two_beats", "bar"])
def test_precomputed_equals_on_the_fly(walk, note) -> None:
    features = make_features()
    config = LatentConfig(walk=walk, note=note)
    whole = LatentGenerator(config).generate_latent_walk(features, SHAPE, precompute=True)
    lazy = LatentGenerator(config).generate_latent_walk(features, SHAPE, precompute=False)
    assert whole.shape == (features.num_frames, 4, 16, 16)
    assert len(lazy) == features.num_frames
    # backwards, so that nothing can depend on the order
    for frame in reversed(range(features.num_frames)):
        np.testing.assert_array_equal(lazy[frame][0], whole[frame])
    np.testing.assert_array_equal(np.concatenate(lazy[10:13]), whole[10:13])


@pytest.mark.parametrize("walk", ["circle", "spiral"])
def test_every_point_is_unit_gaussian(walk) -> None:
    generator = LatentGenerator(LatentConfig(walk=walk, spiral_rate=0.3))
    points = generator.generate_latent_walk(make_features(), (1, 8, 32, 32))
    assert np.abs(points.std(axis=(1, 2, 3)) - 1).max() < 0.05
    assert np.abs(points.mean(axis=(1, 2, 3))).max() < 0.05


def test_moves_on_the_beat_and_rests_before_it() -> None:
    features = make_features(fps=60.0, num_frames=240)
    config = LatentConfig(drift=0.0)
    speed = np.diff(angles(features, config))
    assert (speed >= 0).all()
    phase = features.beat_phase[:-1]
    assert speed[phase < 0.15].mean() > 10 * speed[phase > 0.85].mean()


def test_louder_beats_step_further() -> None:
    features = make_features(num_frames=26)
    loud, quiet = (np.full(26, e, np.float32) for e in (1.0, 0.0))
    config = LatentConfig(drift=0.0, distance=1.0)
    values = []
    for energy in (loud, quiet):
        object.__setattr__(features, "energy", energy)
        values.append(angles(features, config)[12])
    assert values[0] == pytest.approx(3 * values[1])


def test_silence_only_drifts() -> None:
    features = make_silence()
    config = LatentConfig(drift=0.5)
    assert angles(features, config)[24] == pytest.approx(0.5)


def test_new_section_new_place() -> None:
    features = make_features()
    same = LatentGenerator(LatentConfig(scene_per_section=False)).generate_latent_walk(
        features, SHAPE
    )
    moved = LatentGenerator(LatentConfig()).generate_latent_walk(features, SHAPE)
    middle = int(features.section_frames[1])
    np.testing.assert_array_equal(same[:middle], moved[:middle])
    correlation = np.corrcoef(same[-1].ravel(), moved[-1].ravel())[0, 1]
    assert abs(correlation) < 0.15
    # the change is a fade, not a jump
    jumps = np.abs(np.diff(moved, axis=0)).mean(axis=(1, 2, 3))
    assert jumps.max() < 0.5


def test_seeds_differ_and_repeat() -> None:
    features = make_features(num_frames=2)
    walks = [
        LatentGenerator(LatentConfig(), seed=s).generate_latent_walk(features, SHAPE)
        for s in (1, 1, 2)
    ]
    np.testing.assert_array_equal(walks[0], walks[1])
    assert np.abs(walks[0] - walks[2]).mean() > 0.5


def test_torch_gets_the_same_numbers(features) -> None:
    config = LatentConfig()
    numpy_walk = LatentGenerator(config).generate_latent_walk(features, SHAPE)
    torch_walk = LatentGenerator(config, "cpu", torch.float32).generate_latent_walk(features, SHAPE)
    assert isinstance(torch_walk, torch.Tensor)
    np.testing.assert_array_equal(torch_walk.numpy(), numpy_walk)
    half = LatentGenerator(config, "cpu", torch.float16).generate_latent_walk(features, SHAPE)
    assert half.dtype == torch.float16


def test_ease_out_ends() -> None:
    assert ease_out(0) == 0
    assert ease_out(1) == 1


def test_fresh_noise_is_new_in_every_frame_and_repeatable() -> None:
    features = make_features(num_frames=24)
    config = LatentConfig(fresh=1.0)
    points = LatentGenerator(config).generate_latent_walk(features, SHAPE)
    flat = points.reshape(len(points), -1)
    assert np.abs(np.corrcoef(flat) - np.eye(len(flat))).max() < 0.2
    np.testing.assert_array_equal(
        points, LatentGenerator(config).generate_latent_walk(features, SHAPE)
    )
    half = LatentGenerator(LatentConfig(fresh=0.7)).generate_latent_walk(features, (1, 8, 32, 32))
    assert np.abs(half.std(axis=(1, 2, 3)) - 1).max() < 0.05
