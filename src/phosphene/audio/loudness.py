"""Loudness as meters show it (ITU-R BS.1770-4), and the arc that leads to a drop."""

from __future__ import annotations

import numpy as np

from phosphene.audio.pulse import Float64Array
from phosphene.audio.types import FloatArray

SILENCE = -70.0
"""LUFS: what a meter takes for nothing"""
MOMENTARY_SECONDS = 0.4
WINDOW_GAIN = 3.0
"""a Hann window scaled to the amplitude of a sine has 1.5 times its power, which is half its square"""
GATE_DECIBELS = 10.0
BEFORE_SECONDS, AFTER_SECONDS = 4.0, 1.0
"""of bass that are compared at a drop"""
DROP_DECIBELS = 9.0
"""by which the bass rises at a drop"""
FULL = 0.6
"""share of the song's full bass that a drop has"""
APART_SECONDS = 8.0
BUILD_SECONDS = 16.0
"""a build-up is this long at most"""


def to_lufs(power: Float64Array | FloatArray) -> FloatArray:
    """LUFS of K-weighted squared amplitudes of windows."""
    return np.asarray(
        np.maximum(-0.691 + 10 * np.log10(np.maximum(power, 1e-12) / WINDOW_GAIN), SILENCE),
        np.float32,
    )


def momentary(loudness: FloatArray, rate: float) -> FloatArray:
    """(k,) LUFS over the last 0.4 s, from the K-weighted amplitude (k,) of mono sound."""
    span = max(1, round(MOMENTARY_SECONDS * rate))
    total = np.concatenate((np.zeros(span), np.cumsum(np.square(loudness, dtype=np.float64))))
    return to_lufs(np.maximum(total[span:] - total[:-span], 0) / span)


def integrated(curve: FloatArray, rate: float) -> float:
    """LUFS of the whole, gated: what is 10 dB under the mean of what is heard does not count."""
    blocks = np.asarray(curve[:: max(1, round(rate / 10))], np.float64)
    blocks = blocks[blocks > SILENCE]
    if not len(blocks):
        return SILENCE
    power = 10 ** (blocks / 10)
    gate = 10 * np.log10(power.mean()) - GATE_DECIBELS
    return float(10 * np.log10(power[blocks > gate].mean()))


def find_drops(bass: FloatArray, rate: float, downbeats: Float64Array) -> Float64Array:
    """(drops,) seconds at which the bass (k,) comes back with full force, on a downbeat nearby."""
    before, after = round(BEFORE_SECONDS * rate), round(AFTER_SECONDS * rate)
    if len(bass) < 2 * before + after:
        return np.zeros(0)
    power = np.concatenate(([0.0], np.cumsum(np.square(bass, dtype=np.float64))))
    index = np.arange(2 * before, len(bass) - after)
    then = np.sqrt((power[index] - power[index - before]) / before)
    now = np.sqrt((power[index + after] - power[index]) / after)
    level = np.sqrt((power[after:] - power[:-after]) / after)
    full = float(np.percentile(level, 90))
    rise = now / np.maximum(then, 1e-3 * max(full, 1e-9))
    rise[now < FULL * full] = 0
    found: list[float] = []
    for top in np.argsort(-rise):
        if rise[top] < 10 ** (DROP_DECIBELS / 20):
            break
        time = index[top] / rate
        if all(abs(time - other) > APART_SECONDS for other in found):
            found.append(time)
    times = np.sort(np.asarray(found))
    if len(times) and len(downbeats):
        nearest = downbeats[np.abs(times[:, None] - downbeats[None]).argmin(1)]
        times = np.where(np.abs(nearest - times) < 1.0, nearest, times)
    return times


def build_curve(bass: FloatArray, rate: float, drops: Float64Array) -> FloatArray:
    """(k,) 0..1: rises to 1 at a drop from where the bass went away, :data:`BUILD_SECONDS` at most."""
    out = np.zeros(len(bass), np.float32)
    span = round(AFTER_SECONDS * rate)
    total = np.concatenate((np.zeros(span), np.cumsum(bass, dtype=np.float64)))
    level = (total[span:] - total[:-span]) / span
    full = float(np.percentile(level, 90)) if len(level) else 0.0
    for drop in drops:
        end = min(round(drop * rate), len(bass))
        most = max(0, end - round(BUILD_SECONDS * rate))
        loud = np.flatnonzero(level[most : max(end - round(0.3 * rate), most)] > 0.5 * full)
        begin = most + int(loud[-1]) + 1 if len(loud) else most
        if end > begin:
            out[begin:end] = np.arange(1, end - begin + 1) / (end - begin)
    return out
