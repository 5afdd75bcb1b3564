"""Loudness as performers know it: relative to what is usual, fast up, slow down.

All filters are causal and given in seconds, so the frame rate of the analysis does not matter.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from phosphene.audio.types import FloatArray

SILENT = 1e-4
"""amplitude (-80 dBFS) under which a song counts as silent"""
RELATIVE_MAX = 4.0
"""relative loudness stops here, so that one hit after a long rest cannot throw the picture"""


@lru_cache
def decay(seconds: float, rate: float) -> float:
    """What is left of a difference after one step at ``rate`` Hz with time constant ``seconds``."""
    return float(np.exp(-1.0 / (seconds * rate))) if seconds > 0 else 0.0


def attack_release(values: FloatArray, rate: float, attack: float, release: float) -> FloatArray:
    """(k,) or (k, c) follower that rises and falls with its two time constants, in seconds.

    ``y += (x - y) * (1 - exp(-dt / tau))``: exact for held input at any ``rate``. Starts at 0.
    """
    up, down = decay(attack, rate), decay(release, rate)
    columns = np.asarray(values, np.float64).reshape(len(values), -1).T
    followed = [np.asarray(follow(c.tolist(), up, down), np.float32) for c in columns]
    return np.stack(followed, axis=1).reshape(values.shape)


def follow(values: list[float], up: float, down: float, state: float = 0.0) -> list[float]:
    """One value per value: what is left of the difference is ``up`` on the way up, else ``down``."""
    # a plain loop over python floats beats numpy scalars fivefold
    out = []
    for value in values:
        state = value + (state - value) * (up if value > state else down)
        out.append(state)
    return out


def long_average(values: FloatArray, rate: float, seconds: float, start: float) -> FloatArray:
    """(k,) exponential moving average that begins at ``start``."""
    keep = decay(seconds, rate)
    state = start
    out = []
    for value in values.tolist():
        state = value + (state - value) * keep
        out.append(state)
    return np.asarray(out, np.float32)


def relative_loudness(
    level: FloatArray,
    rate: float,
    *,
    seconds: float,
    attack: float,
    release: float,
    audible: float,
) -> FloatArray:
    """(k,) smoothed ``level`` over its own long average, 1 is usual, 0..:data:`RELATIVE_MAX`.

    After MilkDrop's bass/mid/treb_att. The average begins at the mean of the song's sounding parts
    and never sinks under a quarter of it, so quiet passages stay quiet; nor under ``audible``, so
    that what nobody hears moves nothing. Multiplying ``level`` and ``audible`` by a gain changes
    nothing.
    """
    if audible <= 0 or not bool((level > audible).any()):
        return np.zeros_like(level)
    smooth = attack_release(level, rate, attack, release)
    usual = float(smooth[level > audible].mean())
    average = long_average(smooth, rate, seconds, usual)
    ratio = smooth / np.maximum(average, max(0.25 * usual, audible))
    return np.minimum(ratio, np.float32(RELATIVE_MAX))


def loud_level(loudness: FloatArray) -> float:
    """Amplitude of the song's loud passages: 95th percentile of its sounding moments; 0: silent."""
    sounding = loudness[loudness > SILENT]
    return float(np.percentile(sounding, 95)) if len(sounding) else 0.0


def energy(
    loudness: FloatArray, rate: float, *, loud: float, attack: float, release: float
) -> FloatArray:
    """(k,) 0..1: smoothed loudness against ``loud``, the song's own loud passages."""
    if loud <= 0:
        return np.zeros_like(loudness)
    share = np.minimum(loudness / loud, 1.0)
    return np.clip(attack_release(share, rate, attack, release), 0.0, 1.0)


def held_index(times: npt.NDArray[np.float64], rate: float, count: int) -> npt.NDArray[np.int64]:
    """Index of the last moment at or before each time: sampling that never looks ahead."""
    index = np.floor(times * rate + 1e-6).astype(np.int64)
    return np.clip(index, 0, count - 1)
