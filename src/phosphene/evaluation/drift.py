"""Does a stream that feeds on itself stay what it was? Measured over thousands of frames.

Autoregressive video decays: errors come back as input and grow, until contrast, colour or motion is gone. The
same loop without the means against it runs beside, and must be seen to fail: a measure that a naive loop
passes measures nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from phosphene.audio import AudioFeatures
from phosphene.config import PipelineConfig
from phosphene.diffusion import BaseDiffusionPipeline, StreamDiffusionPipeline
from phosphene.diffusion.stream import Key
from phosphene.metrics import (
    change,
    clipped,
    contrast,
    histogram,
    histogram_distance,
    saturation,
    sharpness,
)
from phosphene.metrics.picture import Frame, Histogram
from phosphene.show.crossfade import decoded
from phosphene.show.performance import Performance

ENDS = 0.15
"""share of the frames that is the start, and the end (FramePack, Zhang 2025, eq. 7)"""
COLLAPSED = 6.0
"""grey levels; a picture whose channels all vary less is one colour"""
BEAT_SECONDS = 0.5


@dataclass(frozen=True)
class Sample:
    """One frame's figures."""

    frame: int
    contrast: float
    saturation: float
    sharpness: float
    clipped: float
    motion: float
    """mean change to the frame before, grey levels"""
    flicker: float
    """mean distance from the middle of its two neighbours, grey levels: steady motion has little"""
    histogram_distance: float
    """earth mover's distance of the colours to those of the start, grey levels"""


FIGURES = (
    "contrast",
    "saturation",
    "sharpness",
    "clipped",
    "motion",
    "flicker",
    "histogram_distance",
)


@dataclass(frozen=True)
class Trend:
    """One figure over a whole run."""

    name: str
    start: float
    """mean of the first 15 % of the frames"""
    end: float
    """mean of the last 15 %"""
    slope: float
    """straight line through all of it, per 1,000 frames, as a share of the start"""

    @property
    def ratio(self) -> float:
        """End over start; 1 for a figure that is 0 all along."""
        return self.end / self.start if self.start else float(self.end == 0) or float("inf")


@dataclass(frozen=True)
class Run:
    """What one stream did."""

    name: str
    prompt: str
    samples: tuple[Sample, ...]
    trends: tuple[Trend, ...]
    collapsed: bool
    """ends in a single colour"""

    def trend(self, name: str) -> Trend:
        """By figure."""
        return next(trend for trend in self.trends if trend.name == name)


def steady_music(frames: int, fps: float) -> AudioFeatures:
    """Music that never changes: every band as usual, a beat every half second, no attacks.

    Whatever changes in the picture over a minute of it is the stream's own doing.
    """
    one, zero = np.ones(frames, np.float32), np.zeros(frames, np.float32)
    time = np.arange(frames) / fps
    return AudioFeatures(
        fps=fps,
        start=0.0,
        duration=frames / fps,
        sample_rate=22050,
        tempo=60 / BEAT_SECONDS,
        tempo_confidence=1.0,
        beat_times=np.arange(0, frames / fps, BEAT_SECONDS),
        beat_frames=np.unique(np.round(np.arange(0, frames, BEAT_SECONDS * fps)).astype(np.int64)),
        beat_position=(time / BEAT_SECONDS).astype(np.float32),
        onset_strength=zero,
        energy=0.5 * one,
        bass=one,
        mid=one,
        treble=one,
        centroid=1500 * one,
        chroma_cq=np.zeros((12, frames), np.float32),
        section_frames=np.zeros(1, np.int64),
    )


def keys(
    base: BaseDiffusionPipeline, config: PipelineConfig, features: AudioFeatures
) -> Iterator[Key]:
    """The finished pictures of a stream to ``features``, as a show draws them."""
    stream = StreamDiffusionPipeline(base, config.stream)
    performance = Performance(features, config, stream)
    yield from (tween.last for tween in performance.tweens(0, features.num_frames))


def run(
    name: str, base: BaseDiffusionPipeline, config: PipelineConfig, frames: int, every: int
) -> Run:
    """Stream ``frames`` frames and look at every ``every``-th."""
    recent: deque[Key] = deque(maxlen=3)
    samples: list[Sample] = []
    seen: list[Histogram] = []
    last: Frame | None = None
    music = steady_music(frames, config.audio.fps)
    for frame, key in enumerate(keys(base, config, music)):
        recent.append(key)
        if frame < 2 or frame % every:
            continue
        before, middle, last = (decoded(base, each) for each in recent)
        seen.append(histogram(middle))
        reference = np.mean(seen[: max(1, round(ENDS * frames / every))], axis=0)
        samples.append(
            _sample(frame, before, middle, last, histogram_distance(seen[-1], reference))
        )
    if last is None:
        raise ValueError(f"{frames} frames, every {every}: too few to look at any.")
    return Run(
        name=name,
        prompt=config.prompt.base_prompt,
        samples=tuple(samples),
        trends=tuple(trend_of(figure, samples) for figure in FIGURES),
        collapsed=is_one_colour(last),
    )


def _sample(frame: int, before: Frame, middle: Frame, after: Frame, distance: float) -> Sample:
    halfway = (before.astype(np.float32) + after) / 2
    return Sample(
        frame=frame,
        contrast=contrast(middle),
        saturation=saturation(middle),
        sharpness=sharpness(middle),
        clipped=clipped(middle),
        motion=change(middle, before),
        flicker=float(np.mean(np.abs(middle - halfway))),
        histogram_distance=distance,
    )


def trend_of(name: str, samples: list[Sample]) -> Trend:
    """How one figure of the samples goes."""
    values = np.array([getattr(sample, name) for sample in samples], np.float64)
    n = max(1, round(ENDS * len(values)))
    start, end = float(values[:n].mean()), float(values[-n:].mean())
    slope = 0.0
    if len(values) > 1 and start:
        thousands = np.array([sample.frame for sample in samples]) / 1000
        slope = float(np.polyfit(thousands, values, 1)[0] / start)
    return Trend(name, start, end, slope)


def is_one_colour(frame: Frame) -> bool:
    """Whether a picture has nothing left in it."""
    return bool((frame.reshape(-1, 3).std(axis=0) < COLLAPSED).all())


def naive(config: PipelineConfig) -> PipelineConfig:
    """The same stream without what keeps it alive: each frame is a light repaint of the last one."""
    out = config.model_copy(deep=True)
    out.stream.anchor = 0.0
    out.stream.temporal_blend_ratio = 0.9
    out.stream.adaptive_blending = False
    out.latent.fresh = 0.0
    return out
