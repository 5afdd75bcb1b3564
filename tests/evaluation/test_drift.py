"""Drift and quality: the measures see what they are for, on streams that are known to fail or to hold."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from phosphene import cli
from phosphene.config import PipelineConfig
from phosphene.errors import InputError, ModelError
from phosphene.evaluation.ablation import ablation
from phosphene.evaluation.drift import (
    FIGURES,
    Run,
    Sample,
    is_one_colour,
    naive,
    run,
    steady_music,
    trend_of,
)
from phosphene.evaluation.drift_bench import fails
from phosphene.evaluation.drift_checks import history_gain, loop_test, orbit
from tests.show.toy import ToyPipeline, toy


def config() -> PipelineConfig:
    out = PipelineConfig()
    out.inference.width = out.inference.height = 64
    out.stream.anchor = 0.0
    return out


class Fading(ToyPipeline):
    """Every picture is a little greyer than the last one."""

    def denoise(self, latents, timesteps, embeds, context):
        ramp = np.linspace(-1, 1, latents.shape[-1], dtype=np.float32)
        past = (
            np.broadcast_to(ramp, latents.shape) if context.previous is None else context.previous
        )
        return (latents - 0.97 * past) / np.asarray(timesteps)[:, None, None, None]


def fading() -> Fading:
    model = toy()
    return Fading(model.diffusion_config, model.inference_config)


def test_a_fading_stream_is_seen_to_fade() -> None:
    one = run("fading", fading(), config(), 120, 2)
    assert one.trend("contrast").ratio < 0.3
    assert one.trend("contrast").slope < -1
    assert one.trend("histogram_distance").end > 5
    assert fails(one, one)
    assert one.collapsed == is_one_colour(np.zeros((8, 8, 3), np.uint8)) is True


def test_samples_are_taken_as_often_as_asked() -> None:
    one = run("toy", toy(), config(), 40, 10)
    assert [sample.frame for sample in one.samples] == [10, 20, 30]
    assert one.prompt == config().prompt.base_prompt
    with pytest.raises(ValueError, match="too few"):
        run("toy", toy(), config(), 2, 10)


def test_trends_are_start_end_and_slope() -> None:
    samples = [Sample(k * 100, 50.0 - k, 0.5, 1.0, 0.0, 1.0, 1.0, 0.0) for k in range(20)]
    trend = trend_of("contrast", samples)
    assert trend.start == pytest.approx(49.0)
    assert trend.end == pytest.approx(32.0)
    assert trend.slope == pytest.approx(-10 / 49)
    assert trend_of("clipped", samples).ratio == 1


def level(motion: float) -> Run:
    """A run in which nothing changes from beginning to end."""
    samples = [Sample(k, 50.0, 0.5, 30.0, 0.1, motion, 1.0, 2.0) for k in range(20)]
    trends = tuple(trend_of(name, samples) for name in FIGURES)
    return Run("level", "a prompt", tuple(samples), trends, collapsed=False)


def test_a_level_run_holds_and_a_frozen_one_fails() -> None:
    assert not fails(level(4.0), level(4.0))
    assert fails(level(1.5), level(4.0))
    assert fails(replace(level(4.0), collapsed=True), level(4.0))


def test_a_collapse_is_one_colour() -> None:
    rng = np.random.default_rng(0)
    assert is_one_colour(np.full((16, 16, 3), (90, 20, 120), np.uint8))
    assert not is_one_colour(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))


def test_the_naive_loop_has_no_help() -> None:
    bare = naive(PipelineConfig())
    assert bare.stream.anchor == 0
    assert bare.latent.fresh == 0
    assert bare.stream.temporal_blend_ratio > 0.8


def test_errors_die_in_a_contracting_stream_and_grow_in_an_expanding_one() -> None:
    gain = history_gain(toy(), config(), warm_up=6, frames=8)
    assert gain.step < 1
    assert gain.after[-1] < gain.after[0]

    class Growing(ToyPipeline):
        def denoise(self, latents, timesteps, embeds, context):
            past = 0 * latents + 0.1 if context.previous is None else context.previous
            return (latents - 1.2 * past) / np.asarray(timesteps)[:, None, None, None]

    model = toy()
    growing = Growing(model.diffusion_config, model.inference_config)
    worse = history_gain(growing, config(), warm_up=2, frames=8)
    assert worse.after[-1] > worse.after[0]
    assert worse.half_life == float("inf")


def test_rounds_of_a_loop_are_compared() -> None:
    own = config()
    own.stream.strength = 0.6
    steady = loop_test(toy(), own, rounds=3)
    assert steady.distance < 3
    assert steady.motion_ratio > 0


def test_the_orbit_closes() -> None:
    assert np.array_equal(orbit(0.0, 32, 48), orbit(1.0, 32, 48))
    assert np.abs(orbit(0.0, 32, 48).astype(int) - orbit(0.5, 32, 48)).mean() > 5


def test_music_of_the_bench_never_changes() -> None:
    music = steady_music(100, 25.0)
    assert music.num_frames == 100
    assert np.ptp(music.bass) == np.ptp(music.energy) == 0
    assert not music.onset_strength.any()


def test_what_is_missing_is_said(tmp_path, capsys) -> None:
    with pytest.raises(InputError, match="train --ablation"):
        ablation(tmp_path, 100)
    assert cli.main(["bench", "quality", "--judge", str(tmp_path)]) == 2
    assert "phosphene train --judge" in capsys.readouterr().err
    assert cli.main(["bench", "drift", "--frames", "5"]) == 2
    assert "at least 120" in capsys.readouterr().err


def test_a_judge_without_its_network_is_refused(tmp_path) -> None:
    from phosphene.diffusion.lsd.judge import Judge

    with pytest.raises(ModelError, match="holds no judge"):
        Judge(tmp_path)


def test_the_plot_is_written(tmp_path) -> None:
    from phosphene.evaluation.plots import plot_drift, plot_hits

    one = run("toy", toy(), config(), 40, 10)
    plot_drift(one, one, str(tmp_path / "drift.png"))
    rows = {"born": (0.5, 1.0), "stream": (0.6, 1.0)}
    plot_hits(("spiral", "fire"), rows, ((1, 1), (0, 2)), str(tmp_path / "hits.png"))
    for name in ("drift.png", "hits.png"):
        assert (tmp_path / name).stat().st_size > 5000
    assert json.loads(json.dumps([sample.contrast for sample in one.samples]))
