"""Live settings: any path, all or nothing, one sentence when it cannot be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.config import PipelineConfig
from phosphene.errors import ConfigError
from phosphene.show.changes import can_change, values_at, with_values
from tests.show.toy import toy

FACTS = toy().facts
PATHS = [
    (section, field)
    for section, info in PipelineConfig.model_fields.items()
    for field in info.annotation.model_fields
]


def test_changes_only_what_is_named():
    config = PipelineConfig()
    new = with_values(config, {"camera.zoom": -1, "prompt.base_prompt": "x"}, FACTS)
    assert (new.camera.zoom, new.prompt.base_prompt) == (-1.0, "x")
    assert config == PipelineConfig()
    assert new.stream is config.stream
    assert new.camera.model_fields_set == {"zoom"}
    assert values_at(new, {"camera.zoom": 0, "prompt.timeline": 0}) == {
        "camera.zoom": -1.0,
        "prompt.timeline": [],
    }


def test_nested_values():
    timeline = [{"at": 3, "prompt": "sea"}]
    new = with_values(PipelineConfig(), {"prompt.timeline": timeline}, FACTS)
    assert new.prompt.timeline[0].at == 3.0
    assert values_at(new, {"prompt.timeline": None})["prompt.timeline"] == [
        {"at": 3.0, "prompt": "sea"}
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"camera.zom": 1}, "unknown setting 'camera.zom': did you mean 'zoom'?"),
        ({"kamera.zoom": 1}, "did you mean 'camera'?"),
        ({"camera": {"zoom": 1}}, "unknown setting 'camera'"),
        ({"camera.zoom.x": 1}, "unknown setting 'camera.zoom.x'"),
        ({"": 1}, "unknown setting ''"),
        ({"camera.zoom": 99}, "camera.zoom: input should be less than or equal to 4"),
        ({"camera.zoom": None}, "camera.zoom: input should be a valid number"),
        ({"prompt.chroma_prompts": ["a"]}, "needs 12 prompts"),
        ({"diffusion.model": "sd15"}, "diffusion.model cannot change during a show"),
        ({"audio.backend": "librosa"}, "audio.backend cannot change during a show"),
        ({"video.crf": 20}, "video.crf cannot change during a show"),
        ({"inference.width": 528}, "at most 512 for toy"),
        ({"inference.width": 72}, "a multiple of 16 for toy"),
        ({"audio.tempo_min": 150}, "at least twice"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(values, message):
    with pytest.raises(ConfigError) as error:
        with_values(PipelineConfig(), values, FACTS)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_all_or_nothing():
    config = PipelineConfig()
    with pytest.raises(ConfigError):
        with_values(config, {"camera.zoom": 1, "camera.warp": -1}, FACTS)
    assert config.camera.zoom == PipelineConfig().camera.zoom


def test_values_that_only_fit_together():
    new = with_values(PipelineConfig(), {"audio.tempo_min": 120, "audio.tempo_max": 300}, FACTS)
    assert new.audio.tempo_min == 120


@pytest.mark.parametrize(("section", "field"), PATHS)
def test_every_setting_can_change_or_says_that_it_cannot(section, field):
    config = PipelineConfig()
    path = f"{section}.{field}"
    value = values_at(config, {path: None})[path]
    if can_change(section, field):
        assert with_values(config, {path: value}, FACTS) == config
    else:
        with pytest.raises(ConfigError, match="cannot change during a show"):
            with_values(config, {path: value}, FACTS)


def test_what_can_change():
    assert {section for section, field in PATHS if can_change(section, field)} == {
        "audio", "stream", "latent", "prompt", "camera", "react", "inference", "video", "live"
    }  # fmt: skip
    assert [
        field for section, field in PATHS if section == "video" and can_change(section, field)
    ] == ["limit_flashes"]


@given(
    st.dictionaries(
        st.text(max_size=12) | st.sampled_from([".".join(path) for path in PATHS]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
        | st.lists(st.integers(), max_size=2),
        max_size=4,
    )
)  # fmt: skip
def test_nothing_else_is_ever_raised(values):
    try:
        new = with_values(PipelineConfig(), values, FACTS)
    except ConfigError:
        return
    assert set(values_at(new, values)) == set(values)
