"""Note attacks, picked from spectral flux."""

from __future__ import annotations

import numpy as np

from phosphene.audio.types import FloatArray, IntArray

DECAY_SECONDS = 0.07
"""time constant of the fall after an attack: about one half per frame at 24 fps"""


def moving_mean(values: FloatArray, radius: int) -> FloatArray:
    """(k,) mean over ``2 * radius + 1`` neighbours, fewer at the ends."""
    total = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
    index = np.arange(len(values))
    low = np.maximum(index - radius, 0)
    high = np.minimum(index + radius + 1, len(values))
    return np.asarray((total[high] - total[low]) / (high - low), np.float32)


def moving_max(values: FloatArray, radius: int) -> FloatArray:
    """(k,) largest of ``2 * radius + 1`` neighbours."""
    padded = np.pad(values, radius, constant_values=-np.inf)
    return np.asarray(
        np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1).max(1), np.float32
    )


def pick_onsets(flux: FloatArray, rate: float) -> tuple[IntArray, FloatArray]:
    """(indices, strengths 0..1) of attacks in summed log flux (k,) at ``rate`` Hz.

    A peak is the largest within 30 ms and stands out of the mean of the 0.2 s around it
    (Boeck, Krebs and Schedl, 2012). Strength 1 is the 95th percentile of the song's peaks.
    """
    if not len(flux) or float(flux.max()) <= 0:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    near = max(1, round(0.03 * rate))
    around = max(2, round(0.1 * rate))
    loudest = float(np.percentile(flux, 99.5))
    # a steady tone has flux of rounding errors only
    floor = max(0.08 * loudest, 0.3)
    peak = (flux >= moving_max(flux, near)) & (flux > 1.3 * moving_mean(flux, around))
    index = np.flatnonzero(peak & (flux > floor))
    if not len(index):
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    # of equal neighbours keep the first
    index = index[np.concatenate(([True], np.diff(index) > near))]
    height = flux[index]
    return index, np.minimum(height / np.percentile(height, 95), 1.0).astype(np.float32)


def onset_curve(index: IntArray, strength: FloatArray, count: int, rate: float) -> FloatArray:
    """(count,) 0..1: jumps to an attack's strength when it sounds, then falls."""
    keep = float(np.exp(-1.0 / (DECAY_SECONDS * rate)))
    hits = np.zeros(count)
    np.maximum.at(hits, index, strength)
    state = 0.0
    out = []
    for hit in hits.tolist():
        state = max(hit, state * keep)
        out.append(state)
    return np.asarray(out, np.float32)
