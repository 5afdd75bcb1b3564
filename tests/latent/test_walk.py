"""The live walk: offline's rules without knowing the future, and no jumps whatever the music does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.audio.moment import frame_features
from phosphene.config import LatentConfig
from phosphene.latent.walk import Place, WalkState, advance
from phosphene.latent.walks import ease_out
from phosphene.show.live.dream import breath
from tests.conftest import make_features, make_silence

NOTES = ("half", "beat", "two_beats", "bar")


BEATS = {"half": 0.5, "beat": 1.0, "two_beats": 2.0, "bar": 4.0}


def at(beats, section=0, energy=0.5):
    return replace(breath(beats), section=section, energy=energy)


class Journey:
    """A walk that is taken along."""

    def __init__(self):
        self.state = WalkState()

    def advance(self, heard, seconds, config, same=True, scenes=0):
        self.state = advance(self.state, heard, seconds, config, same, scenes)
        return self.state.place


def place_at(features, frame, config):
    """The same walk in closed form, from the song as a whole."""
    since_first = frame / features.fps
    scene = int(np.searchsorted(features.section_frames, frame, side="right")) - 1
    arrival = min(1.0, (frame - features.section_frames[scene]) / features.fps / 0.5)
    position = features.beat_position / BEATS[config.note]
    first, step = np.floor(position[0]), np.floor(position[frame])
    starts = np.searchsorted(position, np.arange(first, step + 1))
    lengths = config.distance * (0.5 + features.energy[starts])
    angle = lengths[:-1].sum() + lengths[-1] * (1 - (1 - (position[frame] - step)) ** 3)
    tilt = config.spiral_rate * (features.beat_position[frame] - features.beat_position[0])
    return Place(scene, arrival, config.drift * since_first + angle, tilt)


@pytest.mark.parametrize("walk", ["circle", "spiral"])
@pytest.mark.parametrize("note", NOTES)
def test_walks_as_the_offline_walk_does(walk, note):
    features = make_features(num_frames=400, tempo=133.0)
    config = LatentConfig(walk=walk, note=note)
    journey = Journey()
    for frame in range(features.num_frames):
        seconds = 1 / features.fps if frame else 0.0
        here = journey.advance(frame_features(features, frame), seconds, config)
        want = place_at(features, frame, config)
        assert here.scene == want.scene
        assert here.angle == pytest.approx(want.angle, abs=1e-4)
        assert here.tilt == pytest.approx(want.tilt, abs=1e-4)
        assert here.arrival == pytest.approx(want.arrival, abs=1e-6)
        assert journey.state.shape == want.scene + int(features.beat_position[frame] // 16)


def test_silence_only_drifts():
    features, journey = make_silence(), Journey()
    config = LatentConfig(drift=0.5)
    for frame in range(48):
        here = journey.advance(frame_features(features, frame), 1 / 24 if frame else 0.0, config)
    assert here.angle == pytest.approx(0.5 * 47 / 24)


@given(
    st.lists(
        st.tuples(st.floats(-500, 500), st.floats(0, 1), st.booleans(), st.sampled_from(NOTES)),
        min_size=2,
        max_size=40,
    )
)
def test_never_jumps_however_the_beat_does(moves):
    """A frame may finish a step and walk on, but no further, whatever comes."""
    journey = Journey()
    config = LatentConfig(drift=0.0, distance=1.0)
    angle = journey.advance(at(0.0), 0.0, config).angle
    for position, energy, same, note in moves:
        config = LatentConfig(drift=0.0, distance=1.0, note=note)
        new = journey.advance(at(position, energy=energy), 0.04, config, same).angle
        # four beats are eight half notes, each of 1.5 radians at most
        assert abs(new - angle) <= 8 * 1.5 + 1.5
        angle = new
    before = angle
    after = journey.advance(at(1000.25), 0.04, config, same=False).angle
    assert after == pytest.approx(before, abs=1e-9)


def test_a_step_goes_on_from_where_a_jump_found_it():
    journey, config = Journey(), LatentConfig(drift=0.0, distance=1.0)
    journey.advance(at(0.0), 0.0, config)
    here = journey.advance(at(0.5), 0.1, config).angle
    there = journey.advance(at(80.25), 0.1, config).angle
    assert there == pytest.approx(here)
    end = journey.advance(at(80.999999), 0.1, config).angle
    assert end - here == pytest.approx(1.0 - ease_out(0.25), abs=1e-4)


def test_a_section_of_the_same_music_is_a_new_place_and_another_source_is_not():
    journey, config = Journey(), LatentConfig()
    journey.advance(at(0.0), 0.0, config)
    assert journey.advance(at(0.1, section=3), 0.1, config, same=False).scene == 0
    here = journey.advance(at(0.2, section=4), 0.1, config)
    assert (here.scene, here.arrival) == (1, 0.0)
    assert journey.advance(at(0.3, section=4), 0.25, config).arrival == pytest.approx(0.5)
    assert (
        journey.advance(at(0.4, section=9), 0.1, LatentConfig(scene_per_section=False)).scene == 1
    )


def test_the_performer_may_go_to_a_new_place():
    journey, config = Journey(), LatentConfig()
    journey.advance(at(0.0), 0.0, config)
    here = journey.advance(at(0.1), 0.1, config, scenes=1)
    assert here.scene == 1
    assert 0 < here.arrival < 1


def test_beats_count_on_over_jumps():
    journey, config = Journey(), LatentConfig()
    for beats in (0.0, 1.0, 2.0, 90.0, 91.0, 3.0):
        journey.advance(at(beats), 0.1, config)
    assert journey.state.beats == pytest.approx(3.0)


def test_an_hour_leaves_nothing_behind():
    journey, config = Journey(), LatentConfig()
    for frame in range(2000):
        journey.advance(at(frame * 3.7), 1.8, config)
    assert all(isinstance(value, float | int | str) for value in vars(journey.state).values())
