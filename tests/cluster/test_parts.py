"""Parts of a video drawn on their own, next to the same frames of a single run."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from phosphene.config import PipelineConfig
from phosphene.diffusion import BaseDiffusionPipeline
from phosphene.show.drawing import Part, draw
from phosphene.show.sinks.segments import SegmentSink
from phosphene.video.spec import VideoSpec
from tests.conftest import make_features
from tests.show.toy import toy

FRAMES = 48
LENGTH = 12
"""frames of a segment"""


class Folder:
    """A shelf that keeps what it is given."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir()
        self.states: list[bytes] = []
        self.frames: list[npt.NDArray[np.uint8]] = []

    @property
    def next_path(self) -> Path:
        return self._folder / f"{len(self.states)}.mp4"

    def add(self, frames: int, state: bytes) -> None:
        with av.open(str(self.next_path)) as file:
            new = [f.to_ndarray(format="rgb24") for f in file.decode(video=0)]
        assert len(new) == frames
        self.frames += new
        self.states.append(state)


def lossless(side: int) -> PipelineConfig:
    config = PipelineConfig.fast_preset()
    config.inference.width = config.inference.height = side
    config.video.segment_seconds = LENGTH / 24
    config.video.crf = 0
    return config


def drawn(folder: Path, part: Part, config: PipelineConfig, base: BaseDiffusionPipeline) -> Folder:
    shelf = Folder(folder)
    inference = config.inference
    spec = VideoSpec.of(config.video, (inference.width, inference.height), Fraction(24))
    counts = list(
        draw(part, SegmentSink(shelf, spec), Fraction(24), make_features(FRAMES), config, base)
    )
    end = FRAMES if part.end is None else part.end
    assert counts == list(range(part.first + 1, end + 1))
    return shelf


@pytest.mark.parametrize("steps", [1, 3])
def test_a_part_with_its_state_is_the_same_to_the_bit(steps: int, tmp_path: Path) -> None:
    config = lossless(64)
    config.stream.denoising_steps = steps
    whole = drawn(tmp_path / "whole", Part(), config, toy())
    assert len(whole.states) == FRAMES // LENGTH
    part = Part(LENGTH, 3 * LENGTH, whole.states[0])
    again = drawn(tmp_path / "part", part, config, toy())
    np.testing.assert_array_equal(again.frames, whole.frames[LENGTH : 3 * LENGTH])
    assert again.states == whole.states[1:3]


@pytest.mark.parametrize("steps", [1, 2])
def test_without_coherence_a_part_needs_no_warm_up(steps: int, tmp_path: Path) -> None:
    config = lossless(64)
    config.stream.enable_temporal_coherence = False
    config.stream.denoising_steps = steps
    config.video.limit_flashes = False
    whole = drawn(tmp_path / "whole", Part(), config, toy())
    for first in range(0, FRAMES, LENGTH):
        part = Part(first, first + LENGTH)
        alone = drawn(tmp_path / f"at {first}", part, config, toy())
        np.testing.assert_array_equal(alone.frames, whole.frames[first : first + LENGTH])


def test_a_warm_up_leaves_no_seam_where_a_model_forgets(tmp_path: Path) -> None:
    """The toy keeps three tenths of its past; what real models keep is for benchmarks/cluster.py."""
    config = lossless(64)
    config.video.limit_flashes = False
    whole = np.array(drawn(tmp_path / "whole", Part(), config, toy()).frames, np.float32)
    first = 3 * LENGTH
    before, rest = whole[first - 1], whole[first:]
    usual = np.abs(np.diff(whole, axis=0)).mean(axis=(1, 2, 3))[first - 1]

    def beside(warm_up: int) -> tuple[float, float]:
        """Change over the seam, and how far the part is from the single run's, both as levels."""
        part = Part(first, warm_up=warm_up)
        frames = drawn(tmp_path / f"{warm_up}", part, config, toy()).frames
        alone = np.array(frames, np.float32)
        return float(np.abs(alone[0] - before).mean()), float(np.abs(alone - rest).max())

    seam, apart = beside(warm_up=16)
    assert seam == pytest.approx(usual, rel=0.02)
    assert apart <= 1
    # and it is the warm-up that does it
    cold_seam, cold_apart = beside(warm_up=0)
    assert cold_seam > 1.2 * usual
    assert cold_apart > 10


def test_nothing_left_to_draw_is_no_error(tmp_path: Path) -> None:
    """A render that was killed while it was joined goes on with nothing but the join."""
    assert drawn(tmp_path / "none", Part(FRAMES), lossless(64), toy()).frames == []
