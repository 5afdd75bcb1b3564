"""Looks: each can be worn, whatever was worn before."""

from __future__ import annotations

import pytest

from phosphene.config import PipelineConfig
from phosphene.diffusion import LSDPipeline
from phosphene.errors import ConfigError
from phosphene.show.changes import with_values
from phosphene.show.looks import flatten, look_settings, looks, parse_look


def test_there_are_a_dozen_with_names_of_their_own() -> None:
    names = [look.name for look in looks()]
    assert len(names) >= 12
    assert len(set(names)) == len(names)
    prompts = [look.values["prompt.base_prompt"] for look in looks()]
    assert len(set(prompts)) == len(prompts)


@pytest.mark.parametrize("look", looks(), ids=lambda look: look.name)
def test_each_can_be_put_on_during_a_show(look, base) -> None:
    start = PipelineConfig()
    worn = with_values(start, look_settings(look.name, start), base.facts)
    assert look.values.items() <= flatten(worn).items()


def test_nothing_of_the_last_one_stays(base) -> None:
    start = PipelineConfig()
    start.camera.pan_x = 0.5
    for look in looks():
        fresh = with_values(start, look_settings(look.name, start), base.facts)
        for other in looks():
            worn = with_values(start, look_settings(other.name, start), base.facts)
            assert with_values(worn, look_settings(look.name, start), base.facts) == fresh


def test_what_no_look_governs_is_left_alone(base) -> None:
    start = PipelineConfig()
    assert not any(
        path.startswith(("live.", "inference.", "diffusion."))
        for path in look_settings(looks()[0].name, start)
    )


def test_unknown_names_and_settings() -> None:
    with pytest.raises(ConfigError, match="did you mean"):
        look_settings(looks()[0].name + "x", PipelineConfig())
    with pytest.raises(ConfigError, match="unknown key"):
        parse_look('name = "Odd"\n[camera]\nzom = 1\n')


@pytest.fixture(scope="module")
def base() -> LSDPipeline:
    config = PipelineConfig()
    return LSDPipeline(config.diffusion, config.inference)
