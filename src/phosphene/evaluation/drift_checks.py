"""Two more looks at a self-fed stream: does an error die, and do the rounds of a loop look alike?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from phosphene.config import PipelineConfig
from phosphene.diffusion import BaseDiffusionPipeline, StreamDiffusionPipeline
from phosphene.evaluation.drift import steady_music
from phosphene.metrics import change, histogram, histogram_distance
from phosphene.metrics.picture import Frame
from phosphene.show.director import DirectorState
from phosphene.show.performance import Performance
from phosphene.stream.arrays import to_numpy
from phosphene.stream.state import StreamState

DISTURBANCE = 0.1
"""deviation of the disturbance, in latent deviations: about what an 8-bit step of decay looks like"""
LOOP = 48
"""frames of the periodic clip: two seconds"""


@dataclass(frozen=True)
class HistoryGain:
    """What becomes of a small error in the last picture, the noise being the same."""

    step: float
    """error after one frame over the error put in; below 1 errors die"""
    after: tuple[float, ...]
    """error after 1, 2, 4, ... frames over the error put in"""
    half_life: float
    """frames until half of it is left; inf if that does not happen within the test"""


@dataclass(frozen=True)
class LoopTest:
    """A periodic input, round after round: the rounds should not differ."""

    rounds: int
    distance: float
    """mean difference between the last round and the second, same phase, grey levels"""
    between: float
    """the same between the second and the third: what noise alone does"""
    colours: float
    """earth mover's distance of their colours, grey levels"""
    motion_ratio: float
    """motion of the output over motion of the input; 0 is a frozen picture"""


def history_gain(
    base: BaseDiffusionPipeline, config: PipelineConfig, warm_up: int = 48, frames: int = 32
) -> HistoryGain:
    """Disturb the last picture of a running stream once, and follow the difference."""
    features = steady_music(warm_up + frames + 1, config.audio.fps)
    stream = StreamDiffusionPipeline(base, config.stream)
    performance = Performance(features, config, stream)
    for frame in range(warm_up):
        performance.step(performance.cue(frame))
    saved = stream.state, performance.state
    rng = np.random.default_rng(0)
    errors: list[npt.NDArray[np.float64]] = []
    for _ in range(4):
        clean = _follow(stream, performance, saved, None, warm_up, frames)
        shape = to_numpy(saved[0].finished).shape
        bump = (DISTURBANCE * _smooth(rng, shape)).astype(np.float32)
        bent = _follow(stream, performance, saved, bump, warm_up, frames)
        size = float(np.sqrt(np.mean(bump**2)))
        gaps = [float(np.sqrt(np.mean((a - b) ** 2))) for a, b in zip(clean, bent, strict=True)]
        errors.append(np.array(gaps) / size)
    mean = np.mean(errors, axis=0)
    below = np.flatnonzero(mean < 0.5)
    powers = [2**k - 1 for k in range(int(np.log2(frames)) + 1)]
    return HistoryGain(
        step=float(mean[0]),
        after=tuple(float(mean[k]) for k in powers),
        half_life=float(below[0] + 1) if len(below) else float("inf"),
    )


def _follow(
    stream: StreamDiffusionPipeline,
    performance: Performance,
    states: tuple[StreamState, DirectorState],
    bump: npt.NDArray[np.float32] | None,
    first: int,
    frames: int,
) -> list[npt.NDArray[np.float32]]:
    state, performance.state = states
    stream.state = state
    if bump is not None and state.finished is not None:
        stream.state = replace(state, finished=state.finished + stream.base.asarray(bump))
    return [to_numpy(performance.step(performance.cue(first + k)).latent) for k in range(frames)]


def _smooth(rng: np.random.Generator, shape: Sequence[int]) -> npt.NDArray[np.float64]:
    """Unit-variance noise of medium size: what drift puts in is no pixel noise."""
    noise = rng.standard_normal(shape)
    for axis in (-1, -2):
        noise = (np.roll(noise, 1, axis) + noise + np.roll(noise, -1, axis)) / 3**0.5
    out: npt.NDArray[np.float64] = noise / noise.std()
    return out


def loop_test(base: BaseDiffusionPipeline, config: PipelineConfig, rounds: int = 12) -> LoopTest:
    """Draw over a periodic clip and compare the rounds."""
    size = config.inference
    clip = [orbit(k / LOOP, size.height, size.width) for k in range(LOOP)]
    stream = StreamDiffusionPipeline(base, config.stream)
    embeds = stream.encode_prompt(config.prompt.base_prompt)
    drawn = []
    for index in range(rounds):
        shown = [stream.generate_frame(picture, embeds) for picture in clip]
        if index in (1, 2, rounds - 1):
            drawn.append(shown)
    second, third, last = drawn[0], drawn[min(1, len(drawn) - 1)], drawn[-1]
    moved = [np.mean([change(b, a) for a, b in pairwise(c)]) for c in (last, clip)]
    return LoopTest(
        rounds=rounds,
        distance=_apart(second, last),
        between=_apart(second, third),
        colours=float(
            np.mean([
                histogram_distance(histogram(a), histogram(b))
                for a, b in zip(second, last, strict=True)
            ])
        ),
        motion_ratio=float(moved[0] / moved[1]),
    )  # fmt: skip


def _apart(one: list[Frame], other: list[Frame]) -> float:
    return float(np.mean([change(a, b) for a, b in zip(one, other, strict=True)]))


def orbit(phase: float, height: int, width: int) -> Frame:
    """A disc that circles over a gradient once while ``phase`` goes from 0 to 1; uint8 RGB."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = 2 * x / width - 1, 2 * y / height - 1
    turn = 2 * np.pi * phase
    away = np.hypot(x - 0.45 * np.cos(turn), y - 0.45 * np.sin(turn))
    disc = np.clip((0.32 - away) * 20, 0, 1)[..., None]
    back = np.stack([0.25 + 0.2 * x, 0.3 + 0.2 * y, 0.45 - 0.15 * x], axis=-1)
    front = np.array([0.95, 0.75, 0.35])
    picture = back * (1 - disc) + front * disc
    return np.asarray((picture * 255).round(), np.uint8)
