"""Routes move any number that frames look at, by anything that is heard, counted or turned."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.audio.moment import FrameFeatures
from phosphene.config import PipelineConfig, Route
from phosphene.config.fields import value_at
from phosphene.errors import ConfigError
from phosphene.show.changes import with_values
from phosphene.show.live.dream import breath
from phosphene.show.routes import FEATURES, NOTES, Now, check_routes, routed
from tests.conftest import make_features
from tests.show.test_director import Live, Offline, assert_same, busy
from tests.show.toy import toy


def config_of(*given):
    return PipelineConfig.from_dict({"react": {"routes": list(given)}})


def run(config, moments, dt=1 / 30, path="camera.zoom", controllers=None):
    """The value of a setting at each of the moments."""
    states, values = (), []
    for heard in moments:
        now = Now(heard, heard.beat_position, dt, 7, controllers or {})
        moved, states = routed(config, states, now)
        values.append(value_at(moved, path))
    return np.array(values)


def at(beats, **values):
    return replace(breath(beats), **values)


def test_the_setting_plus_gain_times_source_within_its_bounds():
    config = config_of({"source": "onset", "target": "camera.zoom", "gain": 2.0})
    values = run(config, [at(0.0, onset=x) for x in (0.0, 0.25, 1.0)])
    np.testing.assert_allclose(values, [0.4, 0.9, 2.4])
    assert config.camera.zoom == 0.4
    assert (
        run(config_of({"source": "onset", "target": "camera.zoom", "gain": 50}), [at(0, onset=1)])
        == 4
    )
    narrow = {"source": "onset", "target": "camera.zoom", "gain": 50, "range": [0, 1.5]}
    assert run(config_of(narrow), [at(0, onset=1)]) == 1.5


@pytest.mark.parametrize("source", [*FEATURES, *(f"chroma.{note}" for note in NOTES)])
def test_every_feature_is_a_source_by_its_name(source):
    config = config_of({"source": source, "target": "camera.pan_x", "gain": 0.5})
    check_routes(config)
    rest = at(0.0, onset=0.0, energy=0.0, bass=0.0, mid=0.0, treble=0.0)
    rest = replace(rest, **{f.name: 0 for f in fields(FrameFeatures) if f.name in FEATURES})
    if source == "loudness":
        rest = replace(rest, loudness=-70.0)
    if source.startswith("chroma."):
        full = replace(rest, chroma=np.ones(12, np.float32))
    else:
        full = replace(rest, **{source: 0.0 if source == "loudness" else 1.0})
    low, high = run(config, [rest, full], path="camera.pan_x")
    assert low == 0
    assert high > 0


def test_attack_and_release_are_times():
    told = {"source": "onset", "target": "camera.zoom", "attack": 0.5, "release": 1.0}
    moments = [at(0, onset=1.0)] * 30 + [at(0, onset=0.0)] * 30
    values = run(config_of(told), moments) - 0.4
    assert values[14] == pytest.approx(1 - np.exp(-1), abs=1e-6)
    assert values[59] == pytest.approx(values[29] * np.exp(-1), abs=1e-6)


@given(st.floats(5, 120))
def test_an_envelope_is_the_same_at_any_rate(fps):
    told = {"source": "onset", "target": "camera.zoom", "attack": 0.5}
    frames = round(fps)
    values = run(config_of(told), [at(0, onset=1.0)] * frames, dt=1 / frames)
    assert values[-1] - 0.4 == pytest.approx(1 - np.exp(-2), abs=1e-6)


@pytest.mark.parametrize(("shape", "want"), [
    ("sine", [0, 0.5, 1, 0.5]), ("triangle", [0, 0.5, 1, 0.5]),
    ("saw", [0, 0.25, 0.5, 0.75]), ("square", [0, 0, 1, 1]),
])  # fmt: skip
def test_an_lfo_turns_once_in_its_beats(shape, want):
    told = {"source": "lfo", "beats": 8, "shape": shape, "target": "camera.zoom"}
    values = run(config_of(told), [at(beats) for beats in range(0, 16, 2)]) - 0.4
    np.testing.assert_allclose(values, [*want, *want], atol=1e-9)


def test_random_is_new_on_every_beat_and_the_same_again():
    told = {"source": "random", "target": "camera.zoom"}
    moments = [at(k / 4) for k in range(64)]
    values = run(config_of(told), moments)
    assert all(len(set(values[k : k + 4])) == 1 for k in range(0, 64, 4))
    assert len(set(values)) == 16
    np.testing.assert_array_equal(values, run(config_of(told), moments))


def test_what_is_quantised_changes_on_beats_and_bars_only():
    moments = [at(k / 8, bar=k // 32, onset=k / 100) for k in range(96)]
    for quantise, step in (("beat", 8), ("bar", 32)):
        told = {"source": "onset", "target": "camera.zoom", "quantise": quantise}
        changed = np.flatnonzero(np.diff(run(config_of(told), moments))) + 1
        assert changed.tolist() == list(range(step, 96, step))


def test_a_controller_and_a_curve():
    told = {"source": "controller:knob 3", "target": "camera.zoom", "curve": 2.0}
    assert run(config_of(told), [at(0)], controllers={"knob 3": 0.5}) == pytest.approx(0.65)
    assert run(config_of(told), [at(0)]) == pytest.approx(0.4)


def test_routes_to_one_setting_add_up_and_whole_numbers_stay_whole():
    told = {"source": "onset", "target": "camera.zoom", "gain": 0.5}
    assert run(config_of(told, told), [at(0, onset=1)]) == pytest.approx(1.4)
    steps = {"source": "onset", "target": "stream.denoising_steps", "gain": 2.4}
    assert run(config_of(steps), [at(0, onset=1)], path="stream.denoising_steps") == 3


@pytest.mark.parametrize(("told", "message"), [
    ({"source": "bas", "target": "camera.zoom"}, "unknown source 'bas': did you mean 'bass'?"),
    ({"source": "controller:", "target": "camera.zoom"}, "unknown source"),
    ({"source": "bass", "target": "camera.zom"}, "did you mean 'camera.zoom'?"),
    ({"source": "bass", "target": "camera"}, "there is no setting 'camera'"),
    ({"source": "bass", "target": "prompt.base_prompt"}, "is no number"),
    ({"source": "bass", "target": "stream.stepper"}, "is no number"),
    ({"source": "bass", "target": "stream.add_noise"}, "is no number"),
    ({"source": "bass", "target": "inference.width"}, "not looked at for every frame"),
    ({"source": "bass", "target": "live.light"}, "of stream, latent, prompt, camera and react"),
    ({"source": "bass", "target": "react.routes"}, "would be a cycle"),
    ({"source": "bass", "target": "react.routes.0.gain"}, "would be a cycle"),
    ({"source": "bass", "target": "camera.zoom", "range": [2, 1]}, "two rising numbers"),
    ({"source": "bass", "target": "camera.zoom", "gains": 2}, "did you mean 'gain'?"),
])  # fmt: skip
def test_what_cannot_be_is_said_in_a_sentence(told, message):
    for give in (
        lambda: check_routes(config_of(told)),
        lambda: with_values(PipelineConfig(), {"react.routes": [told]}, toy().facts),
    ):
        with pytest.raises(ConfigError) as error:
            give()
        assert message in str(error.value)
        assert "\n" not in str(error.value)


ROUTES = [
    {"source": "onset", "target": "camera.rotate", "gain": 90, "release": 0.5},
    {"source": "lfo", "target": "latent.distance", "gain": 2.0, "beats": 3},
    {"source": "random", "target": "stream.anchor", "gain": 0.3, "quantise": "bar"},
    {"source": "bass", "target": "prompt.chroma_strength", "gain": 0.4},
]


def test_live_and_offline_agree_and_every_route_shows():
    features = make_features(num_frames=120, fps=32.0)
    config, plain = busy(), busy()
    config.react.routes = [Route(**told) for told in ROUTES]
    cues = list(Offline(config, features).song())
    for got, want in zip(Live(config).song(features), cues, strict=True):
        assert_same(got, want)
    usual = list(Offline(plain, features).song())
    assert cues[60].camera.rotate > 2 * usual[60].camera.rotate > 0
    assert np.abs(cues[60].latent - usual[60].latent).max() > 0.01
    assert cues[60].stream.anchor > plain.stream.anchor
    assert usual[60].stream is None
    assert np.abs(cues[60].embeds - usual[60].embeds).max() > 1e-3


def test_a_routed_setting_of_the_stream_holds_for_its_frame_alone():
    from phosphene.config import StreamConfig
    from phosphene.diffusion.stream import StreamDiffusionPipeline
    from phosphene.show.performance import Performance

    features = make_features(num_frames=30)
    config = config_of({"source": "onset", "target": "stream.temporal_blend_ratio", "gain": 0.5})
    seen = []

    class Seen(StreamDiffusionPipeline):
        def step(self, *given, **told):
            seen.append(
                (self.stream_config.temporal_blend_ratio, self.stream_config.denoising_steps)
            )
            return super().step(*given, **told)

    usual = StreamConfig(denoising_steps=2)
    stream = Seen(toy(), usual)
    performance = Performance(features, config, stream)
    for frame in range(30):
        performance.step(performance.cue(frame))
    assert stream.stream_config is usual
    ratios = np.array(seen)[:, 0]
    np.testing.assert_allclose(ratios, 0.3 + 0.5 * features.onset_strength, atol=1e-6)
    assert set(np.array(seen)[:, 1]) == {2}
