"""Listening along: sound in, moments out, as a live show does it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phosphene.audio.live import LiveAnalyzer
from phosphene.audio.moment import FrameFeatures
from phosphene.audio.types import FloatArray
from phosphene.config import AudioConfig

from .songs import RATE

FPS = 30


@dataclass(frozen=True)
class Log:
    """What was said, one entry for every moment asked for."""

    analyzer: LiveAnalyzer
    moments: list[FrameFeatures]
    tempi: npt.NDArray[np.float64]

    def curve(self, name: str) -> npt.NDArray[np.float64]:
        """(n,) or (n, 12) values of one feature."""
        return np.asarray([getattr(moment, name) for moment in self.moments])

    @property
    def times(self) -> npt.NDArray[np.float64]:
        return self.curve("time")

    @property
    def beats(self) -> npt.NDArray[np.float64]:
        """Seconds at which a beat was counted, between two moments where need be."""
        times, positions = self.times, self.curve("beat_position")
        steps = np.flatnonzero(np.floor(positions[1:]) > np.floor(positions[:-1]))
        goal = np.floor(positions[steps + 1])
        share = (goal - positions[steps]) / (positions[steps + 1] - positions[steps])
        return times[steps] + share * (times[steps + 1] - times[steps])


def listen(
    samples: FloatArray,
    rate: int = RATE,
    analyzer: LiveAnalyzer | None = None,
    config: AudioConfig | None = None,
) -> Log:
    """Feed ``samples`` a frame at a time and ask for a moment after each."""
    ear = analyzer or LiveAnalyzer(config or AudioConfig(fps=FPS))
    step = rate // FPS
    moments, tempi = [], []
    for first in range(0, len(samples), step):
        ear.feed(samples[first : first + step], rate)
        moments.append(ear.moment())
        tempi.append(ear.tempo)
    return Log(ear, moments, np.asarray(tempi))


def same_moments(
    one: list[FrameFeatures], other: list[FrameFeatures], tolerance: float = 1e-4
) -> None:
    """Fails where two lists of moments say something else."""
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        assert (left.frame, left.section) == (right.frame, right.section)
        for name in ("time", "energy", "onset", "bass", "mid", "treble", "beat_position"):
            np.testing.assert_allclose(
                getattr(left, name), getattr(right, name), atol=tolerance, err_msg=name
            )
        np.testing.assert_allclose(left.centroid, right.centroid, rtol=1e-3, atol=1.0)
        np.testing.assert_allclose(left.chroma, right.chroma, atol=0.01)
