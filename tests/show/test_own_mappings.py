"""A mapping is a function somebody wrote: found by name or in a file; a bad one stops no show."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from phosphene.config import PipelineConfig
from phosphene.errors import ConfigError
from phosphene.show import mapping as module
from phosphene.show.changes import with_values
from phosphene.show.live.dream import breath
from phosphene.show.mapping import Mappings, Reaction, find_mapping, load_mapping, react
from tests.show.test_director import Live
from tests.show.toy import toy

EXAMPLE = Path(__file__).parents[2] / "examples/own_mapping.py"


def still(heard):
    return Reaction(energy=0.5, noise_scale=1.0, controls=np.zeros(5, np.float32), spin=2.0)


def by_settings(heard, config):
    return Reaction(config.camera.zoom, 1.0, np.zeros(5, np.float32))


@pytest.fixture
def installed(monkeypatch):
    """As if packages had registered these."""
    points = [
        EntryPoint(name, f"{__name__}:{function}", module.GROUP)
        for name, function in (("still", "still"), ("zoomy", "by_settings"), ("gone", "nothing"))
    ]
    monkeypatch.setattr(module, "entry_points", lambda group: points)


def config_of(name):
    return PipelineConfig.from_dict({"react": {"mapping": name}})


@pytest.mark.usefixtures("installed")
def test_by_entry_point_offline_and_live():
    assert find_mapping("still") is still
    config = config_of("zoomy")
    assert Mappings(config)(config)(breath(0.0)).energy == config.camera.zoom
    live = Live(config_of("still"))
    for k in range(33):
        live.dreamt(k / 32)
    assert live.cues.state.turned == pytest.approx(2.0)
    live.set("react", mapping="default")
    live.dreamt(33 / 32)
    assert live.cues.state.turned == pytest.approx(2.0 + np.radians(2.0) * 3.0 / 32)


@pytest.mark.usefixtures("installed")
def test_an_unknown_or_broken_name_is_said_in_a_sentence():
    for name, message in (("stil", "did you mean 'still'?"), ("gone", "cannot be loaded")):
        with pytest.raises(ConfigError, match=message):
            Mappings(config_of(name))
        with pytest.raises(ConfigError, match=message):
            with_values(PipelineConfig(), {"react.mapping": name}, toy().facts)


def test_the_example_plays_from_its_file():
    name = load_mapping(str(EXAMPLE))
    assert name == "own_mapping"
    live = Live(config_of(name))
    turns = [live.dreamt(k / 32).camera.rotate for k in range(96)]
    assert min(turns) < 0 < max(turns)
    assert live.cues.state.moved == pytest.approx(95 / 32)


@pytest.mark.parametrize(("text", "message"), [
    ("def one(h): ...\ndef two(h): ...", "has no function 'mapping': it has one, two"),
    ("x = 1", "it has none"), ("def a(:", "cannot be read"), ("1 / 0", "division by zero"),
    ("def mapping(): ...", "is no function of what is heard"),
])  # fmt: skip
def test_a_file_that_cannot_be_taken(tmp_path, text, message):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_mapping(str(path))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_mapping(str(tmp_path / "nowhere.py"))


def test_who_watches_cannot_have_files_run():
    for text in (str(EXAMPLE), "os.path:join"):
        with pytest.raises(ConfigError, match="unknown mapping"):
            with_values(PipelineConfig(), {"react.mapping": text}, toy().facts)


def raises(heard):
    raise ZeroDivisionError("by zero")


def nan(heard):
    return Reaction(float("nan"), 1.0, np.zeros(5, np.float32))


def nan_controls(heard):
    return Reaction(0.5, 1.0, np.full(5, np.nan, np.float32))


def nan_camera(heard):
    from phosphene.stream.camera import CameraMove

    return Reaction(0.5, 1.0, np.zeros(5, np.float32), CameraMove(rotate=float("inf")))


@pytest.mark.parametrize("bad", [raises, nan, nan_controls, nan_camera, lambda heard: None])
def test_the_default_takes_the_place_of_a_bad_one_and_it_is_said_once(bad):
    said, config = [], PipelineConfig()
    mapping = Mappings(
        config, said.append, own=lambda heard: (still if heard.beat_position < 3 else bad)(heard)
    )
    for beats in range(6):
        got = mapping(config)(breath(float(beats)))
        want = still(None) if beats < 3 else react(breath(float(beats)), config)
        assert got.spin == want.spin
        assert got.energy == want.energy
    assert len(said) == 1
    assert "the default takes its place" in said[0]
