"""Endless video: prompts that come and go, resume, with and without a song."""

from __future__ import annotations

from itertools import pairwise

import av
import numpy as np
import pytest

from phosphene import cli
from phosphene.config import PipelineConfig, VideoConfig
from phosphene.errors import InputError
from phosphene.show import RenderOptions
from phosphene.show.dream import breath, dream, set_prompts
from tests.show.toy import ToyPipeline, toy


def small() -> PipelineConfig:
    config = PipelineConfig(video=VideoConfig(segment_seconds=0.5, crf=0))
    config.inference.width = config.inference.height = 64
    return config


def frames_of(path) -> list[np.ndarray]:
    with av.open(str(path)) as file:
        return [f.to_ndarray(format="rgb24") for f in file.decode(video=0)]


def test_as_long_as_asked_and_mute(tmp_path) -> None:
    out = tmp_path / "d.mp4"
    report = dream(out, 1.5, small(), base=toy())
    frames = frames_of(out)
    assert report.frames == len(frames) == 36
    assert frames[0].shape == (64, 64, 3)
    with av.open(str(out)) as file:
        assert not file.streams.audio


def test_prompts_change_when_they_are_due(tmp_path) -> None:
    config = small()
    config.stream.enable_temporal_coherence = False
    config.prompt.chroma_strength = 0
    config.prompt.transition_seconds = 0
    config.video.limit_flashes = False
    set_prompts(config, ["a", "1:quite another one"])
    frames = frames_of(_dreamt(tmp_path / "d.mp4", config))
    jumps = [np.abs(b.astype(int) - a).mean() for a, b in pairwise(frames)]
    assert int(np.argmax(jumps)) + 1 == 24


def _dreamt(out, config: PipelineConfig, seconds: float = 2.0):
    dream(out, seconds, config, base=toy())
    return out


def test_a_broken_dream_goes_on_with_the_same_frames(tmp_path) -> None:
    whole = frames_of(_dreamt(tmp_path / "whole.mp4", small()))

    class Tired(ToyPipeline):
        calls = 0

        def denoise(self, *args):
            Tired.calls += 1
            if Tired.calls > 30:
                raise KeyboardInterrupt
            return super().denoise(*args)

    out, model = tmp_path / "broken.mp4", toy()
    tired = Tired(model.diffusion_config, model.inference_config)
    with pytest.raises(KeyboardInterrupt):
        dream(out, 2.0, small(), base=tired)
    assert not out.exists()
    report = dream(out, 2.0, small(), RenderOptions(resume=True), base=toy())
    assert 0 < report.new_frames < report.frames == 48
    assert all(np.array_equal(a, b) for a, b in zip(whole, frames_of(out), strict=True))


def test_to_a_song_it_has_the_songs_sound(wav, tmp_path) -> None:
    out = tmp_path / "d.mp4"
    dream(out, 1.0, small(), song=wav, base=toy())
    with av.open(str(out)) as file:
        assert file.streams.audio
    assert len(frames_of(out)) == 24


def test_breath_swells_and_has_no_beat() -> None:
    features = breath(60.0, 24.0, seed=1)
    assert features.num_frames == 1440
    assert features.bass.std() > 0.1
    assert features.bass.min() >= 0
    assert 0.5 < features.bass.mean() < 1.5
    assert not features.onset_strength.any()
    assert len(features.beat_frames) == 0
    assert features.section_frames.tolist() == [0, 960]
    assert np.array_equal(features.bass, breath(60.0, 24.0, seed=1).bass)
    assert not np.array_equal(features.bass, breath(60.0, 24.0, seed=2).bass)


def test_prompts_with_and_without_times() -> None:
    config = PipelineConfig()
    set_prompts(config, ["nebula", "12.5:crimson: bright", "3:sea"])
    assert config.prompt.base_prompt == "nebula"
    assert [(cue.at, cue.prompt) for cue in config.prompt.timeline] == [
        (3.0, "sea"),
        (12.5, "crimson: bright"),
    ]
    set_prompts(config, ["0:fire", "4:ice"])
    assert config.prompt.base_prompt == "fire"
    assert len(config.prompt.timeline) == 1
    with pytest.raises(InputError, match="'two' has no time"):
        set_prompts(config, ["one", "two"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--seconds", "0"], "more than 0"),
        (["--seconds", "1", "--prompt", "a", "--prompt", "b"], "has no time"),
        (["--seconds", "1", "--song", "none.wav"], "none.wav"),
    ],
)
def test_wrong_arguments_are_one_sentence(arguments, sentence, tmp_path, capsys) -> None:
    assert cli.main(["dream", "-o", str(tmp_path / "d.mp4"), *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
