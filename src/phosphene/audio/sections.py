"""Where a song changes: novelty along the diagonal of its self-similarity."""

from __future__ import annotations

import numpy as np

from phosphene.audio.pulse import Float64Array
from phosphene.audio.types import FloatArray

STEP = 0.5
"""seconds between the rows that are compared"""
SHORTEST = (1.5, 8.0)
"""seconds a section lasts at least, in short and in long songs"""
NEW_SECONDS = 4.0
"""before and after a bar's beginning that are compared"""
LOOK = (2.0, 10.0)
"""seconds before and after a moment that are compared, in short and in long songs"""


def describe(
    bands: FloatArray, rate: float, chroma: FloatArray, chroma_rate: float, reference: float
) -> FloatArray:
    """(rows, d) harmony, timbre and loudness in steps of :data:`STEP` seconds, scaled alike."""
    rows = int(len(bands) / (rate * STEP))
    if rows < 1 or reference <= 0:
        return np.zeros((0, 1), np.float32)
    timbre = block_mean(bands, rate * STEP, rows)
    return scale_rows(timbre, block_mean(chroma, chroma_rate * STEP, rows), reference)


def scale_rows(timbre: FloatArray, harmony: FloatArray, reference: float) -> FloatArray:
    """(rows, d) from band amplitudes (rows, bands) and pitch classes (rows, 12), scaled alike."""
    timbre = np.log1p(timbre * (100 / reference))
    harmony = harmony / np.maximum(np.linalg.norm(harmony, axis=1, keepdims=True), 1e-6)
    timbre = timbre - timbre.mean(0)
    timbre = timbre / max(float(np.sqrt(np.square(timbre).sum(1).mean())), 1e-6)
    harmony = harmony - harmony.mean(0)
    harmony = harmony / max(float(np.sqrt(np.square(harmony).sum(1).mean())), 0.2)
    return np.asarray(np.concatenate((timbre, 0.6 * harmony), axis=1), np.float32)


def block_mean(values: FloatArray, step: float, rows: int) -> FloatArray:
    """(rows, d) means over blocks of ``step`` (fractional) moments."""
    edges = np.minimum((np.arange(rows) * step).astype(np.int64), len(values) - 1)
    counts = np.diff(np.append(edges, min(int(rows * step), len(values))))
    return np.asarray(
        np.add.reduceat(values[: max(int(rows * step), 1)], edges, axis=0)
        / np.maximum(counts, 1)[:, None],
        np.float32,
    )


def novelty(rows: FloatArray, span: int) -> FloatArray:
    """(rows,) 0..1: how different the ``span`` rows before and after each row are.

    A Gaussian checkerboard slid along the self-similarity matrix (J. Foote, 2000), for a
    similarity of ``-|a - b|^2 / 2``. Only the band of the matrix that is needed is computed.
    """
    count = len(rows)
    padded = np.pad(rows, ((span, span), (0, 0)), mode="edge").astype(np.float64)
    taper = np.exp(-0.5 * np.square((np.arange(span) + 0.5) / (0.5 * span)))
    taper /= taper.sum()
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * span, axis=0)[:count]
    before, after = windows[..., :span] @ taper[::-1], windows[..., span:] @ taper
    spread = 0.5 * (
        np.square(windows[..., :span] - before[..., None]).sum(1) @ taper[::-1]
        + np.square(windows[..., span:] - after[..., None]).sum(1) @ taper
    )
    gap = np.square(after - before).sum(1)
    return np.asarray(gap / (gap + 2 * spread + 0.05), np.float32)


def find_sections(rows: FloatArray, sensitivity: float, beats: Float64Array) -> Float64Array:
    """(sections,) start times in seconds; the first is 0. Changes are moved onto the nearest beat.

    ``sensitivity`` 0 finds none, 1 finds every change.
    """
    start = np.zeros(1)
    count = len(rows)
    seconds = count * STEP
    look = float(np.clip(seconds / 10, *LOOK))
    span = round(look / STEP)
    if sensitivity <= 0 or count < 3 * span:
        return start
    curve = novelty(rows, span)
    least = round(float(np.clip(seconds / 12, *SHORTEST)) / STEP)
    # a long look holds more variety on both sides, so differences stand out less
    threshold = (0.95 - 0.6 * sensitivity) * (1.1 - 0.05 * look)
    found: list[int] = []
    for index in np.argsort(-curve, kind="stable"):
        if curve[index] < threshold:
            break
        clear = all(abs(int(index) - other) >= least for other in [0, count, *found])
        if clear and curve[index] >= curve[max(index - 2, 0) : index + 3].max():
            found.append(int(index))
    times = np.sort(np.asarray(found, np.float64)) * STEP
    if len(beats) and len(times):
        nearest = beats[np.abs(times[:, None] - beats[None, :]).argmin(1)]
        times = np.where(np.abs(nearest - times) < 1.0, nearest, times)
    return np.concatenate((start, times))


def newness(rows: FloatArray, bars: Float64Array) -> FloatArray:
    """(bars,) 0..1: how different the music is before and after each of the times ``bars``."""
    if len(rows) < 4 or not len(bars):
        return np.zeros(len(bars), np.float32)
    span = min(round(NEW_SECONDS / STEP), len(rows) // 2)
    curve = novelty(rows, span)
    return np.interp(bars, np.arange(len(curve)) * STEP, curve).astype(np.float32)
