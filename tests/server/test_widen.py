"""The size of live pictures where nobody chose one."""

from __future__ import annotations

from dataclasses import replace

from phosphene.config import PipelineConfig
from phosphene.show.live.loading import load, widen
from tests.show.toy import toy

FACTS = toy().facts


def size(config: PipelineConfig) -> tuple[int, int]:
    return config.inference.width, config.inference.height


def test_pictures_are_as_wide_as_screens() -> None:
    config = PipelineConfig()
    widen(config, FACTS)
    assert size(config) == (448, 256)


def test_the_built_in_model_draws_large_and_wide() -> None:
    config = PipelineConfig()
    load(config, None)
    assert size(config) == (912, 512)


def test_a_chosen_size_stays() -> None:
    config = PipelineConfig.from_dict({"inference": {"width": 256, "height": 256}})
    load(config, None)
    assert size(config) == (256, 256)


def test_no_wider_than_the_model_draws_well() -> None:
    config = PipelineConfig()
    widen(config, replace(FACTS, max_size=384))
    assert size(config) == (256, 256)
