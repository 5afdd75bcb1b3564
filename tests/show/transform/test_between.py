"""A cadence over a video: pictures that are not drawn are moved along the video's own motion."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phosphene.config import PipelineConfig
from phosphene.show.transform import TransformOptions, transform, transform_frames
from phosphene.show.transform.between import Over, between, small_grey
from tests.show.toy_chunks import toy_chunks
from tests.show.transform.conftest import drawer
from tests.video.footage import even_times, write_clip

SIZE = (128, 96)


def sky(index: int, seed: int = 0) -> np.ndarray:
    """Soft blots that drift two pixels to the left with every picture."""
    rng = np.random.default_rng(seed)
    x = np.arange(SIZE[0])[None, :] + 2 * index
    y = np.arange(SIZE[1])[:, None]
    planes = []
    for _ in range(3):
        waves = sum(
            np.sin(2 * np.pi * (x * rng.uniform(0.5, 2.5) + y * rng.uniform(-2, 2)) / 64 + phase)
            for phase in rng.uniform(0, 6, 4)
        )
        planes.append(128 + 25 * np.asarray(waves))
    return np.stack(planes, -1).clip(0, 255).astype(np.uint8)


def pictures(source: Path, config: PipelineConfig, cadence: Any) -> list[np.ndarray]:
    config.stream.cadence = cadence
    drawn = transform_frames(source, config, TransformOptions(deaf=True), base=drawer(config))
    return [frame.image for frame in drawn]


def test_one_in_four_is_drawn(tmp_path: Path, config: PipelineConfig) -> None:
    config.inference.width, config.inference.height = SIZE
    config.transform.stabilize = config.transform.detail = 0.0
    source = write_clip(tmp_path / "in.mp4", even_times(25), frames=[sky(i) for i in range(25)])
    every, some = (pictures(source, config, cadence) for cadence in (1, 4))
    assert len(every) == len(some) == 25
    # half a second is a segment of 13 pictures, which begins and ends with one that is drawn
    report = transform(source, tmp_path / "out.mp4", config, base=drawer(config))
    assert (report.frames, report.drawn) == (25, 7)
    for i in (0, 4, 8, 12, 13, 17, 21):
        assert np.array_equal(every[i], some[i])


def test_what_was_drawn_is_where_the_video_has_its_things() -> None:
    last, following = (Over(i / 25, small_grey(sky(i)), 255 - sky(i)) for i in (4, 8))
    wanted = 255.0 - sky(6)
    assert np.abs(wanted - last.drawn).mean() > 15
    assert np.abs(wanted - between(sky(6), 6 / 25, last, following)).mean() < 1
    assert np.abs(wanted - between(sky(6), 6 / 25, last, None)).mean() < 2


def test_a_cut_between_two_keys_is_where_the_video_has_it() -> None:
    one, other = np.full((96, 128, 3), 40, np.uint8), np.full((96, 128, 3), 200, np.uint8)
    last = Over(0.0, small_grey(sky(0)), one)
    following = Over(1.0, small_grey(255 - sky(0, seed=9)), other)
    for time_, image in ((0.8, sky(1)), (0.2, 255 - sky(1, seed=9))):
        seen = between(image, time_, last, following)
        assert seen.mean() == pytest.approx(40 if time_ == 0.8 else 200, abs=1)
    # without a next one the last goes on
    assert between(sky(1), 0.5, last, None).mean() == pytest.approx(40, abs=1)


def test_auto_draws_as_many_as_there_is_time_for(tmp_path: Path, config: PipelineConfig) -> None:
    source = write_clip(tmp_path / "in.mp4", even_times(12), frames=[sky(i) for i in range(12)])
    slow = drawer(config)
    denoise = slow.denoise

    def tired(*given: Any) -> Any:
        time.sleep(0.06)
        return denoise(*given)

    slow.denoise = tired
    config.stream.cadence = "auto"
    report = transform(source, tmp_path / "out.mp4", config, base=slow)
    # two steps of 60 ms take at least three frames of 25 a second
    assert report.drawn < 6
    assert "cadence auto: one picture in" in " ".join(report.notes)


def test_what_draws_motion_draws_all_and_says_so(
    tmp_path: Path, config: PipelineConfig, caplog: pytest.LogCaptureFixture
) -> None:
    source = write_clip(tmp_path / "in.mp4", even_times(6), frames=[sky(i) for i in range(6)])
    config.stream.cadence = 3
    report = transform(source, tmp_path / "out.mp4", config, base=toy_chunks())
    assert report.drawn == 6
    assert "every picture is drawn" in caplog.text
