"""One look gives way to the next: two finished streams, never half a picture, the same resumed or not."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from phosphene.config import PipelineConfig
from phosphene.config.prompt import TimedPrompt
from phosphene.show.drawing import Part, draw
from phosphene.show.sources.song import SongSource
from tests.show.test_cadence import FPS, Kept, song
from tests.show.toy import field_toy, toy


def settings(seconds: float = 1.0, unit: str = "seconds", cadence: int = 1) -> PipelineConfig:
    """Another prompt after a second."""
    config = PipelineConfig()
    config.stream.cadence = cadence
    config.inference.width = config.inference.height = 64
    config.video.segment_seconds = 0.5
    config.video.limit_flashes = False
    prompt = config.prompt
    prompt.base_prompt, prompt.negative_prompt, prompt.chroma_strength = "blue", "a", 0.0
    prompt.timeline = [TimedPrompt(at=1.0, prompt="violet nebula sky")]
    prompt.transition, prompt.transition_unit = "crossfade", unit  # type: ignore[assignment]
    prompt.transition_seconds = seconds
    return config


def frames_of(config, part=None, model=None, seconds=3.0):
    sink = Kept((part or Part()).first)
    source = SongSource(song(seconds))
    list(draw(part or Part(), sink, Fraction(FPS), source, config, model or toy()))
    return np.stack(sink.take()).astype(float), sink.states


def distance(frames, other):
    return np.abs(frames - other).mean(axis=(1, 2, 3))


@pytest.mark.parametrize("model", [toy, field_toy])
def test_the_old_look_plays_on_and_the_new_one_is_whole_from_the_start(model) -> None:
    shown, _ = frames_of(settings(), model=model())
    stays = settings()
    stays.prompt.timeline = []
    old, _ = frames_of(stays, model=model())
    at_once = settings(seconds=0.0)
    new, _ = frames_of(at_once, model=model())
    # until the change, and its first moment, it is the old look to the pixel
    assert np.array_equal(shown[:FPS], old[:FPS])
    away, left = distance(shown, old), distance(shown, new)
    change = slice(FPS, 2 * FPS)
    assert away[change][2] < 0.15 * away[-1] and left[change][-1] < 0.3 * left[FPS]
    # every place lies between the two, and comes nearer the new one: nothing else is ever seen
    low, high = np.minimum(old, new) - 12, np.maximum(old, new) + 12
    inside = ((shown >= low) & (shown <= high))[change].mean()
    assert inside > 0.97
    assert np.diff(away[change]).min() > -0.1 * away[-1]


@pytest.mark.parametrize(("cadence", "model"), [(1, toy), (3, toy), (1, field_toy), (3, field_toy)])
def test_taken_up_in_the_middle_of_a_change_it_is_the_same(cadence, model) -> None:
    config = settings(1.2, cadence=cadence)
    config.prompt.timeline.append(TimedPrompt(at=1.6, prompt="green"))
    whole, states = frames_of(config, model=model())
    assert len(states) > 3
    for first, state in states.items():
        if first < len(whole):
            again, _ = frames_of(config, Part(first, state=state), model=model())
            assert np.array_equal(again, whole[first:]), first


def test_it_lasts_as_many_beats_as_asked_for() -> None:
    features = replace(song(4.0), tempo=120.0)
    position = np.arange(features.num_frames) / FPS * 2.0
    features = replace(features, beat_position=position.astype(np.float32))

    def length(seconds, unit):
        sink = Kept()
        config = settings(seconds, unit)
        list(draw(Part(), sink, Fraction(FPS), SongSource(features), config, toy()))
        shown = np.stack(sink.take()).astype(float)
        away = distance(shown, shown[-1])
        return int(np.argmax(away < 0.02 * away[FPS])) - FPS

    assert length(2.0, "beats") == pytest.approx(length(1.0, "seconds"), abs=2)
