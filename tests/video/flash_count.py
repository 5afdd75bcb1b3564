"""Counts flashes in finished video: a check of the limiter that shares no code with it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

BLOCKS = 12
"""blocks along each side; deliberately not the limiter's grid"""
QUARTER = 0.25
GENERAL_CHANGE, GENERAL_DARKER = 0.10, 0.80
RED_CHANGE, RED_DARKER = 20 / 320, np.inf


def count_flashes(frames: Iterable[npt.NDArray[np.uint8]], fps: float) -> int:
    """Most flashes of ``frames`` (each uint8, (height, width, 3)) inside any one second.

    By WCAG 2.2: a flash is a pair of opposing changes over more than a quarter of the picture, of
    10 % of relative luminance with the darker state below 0.80, or of saturated red. The worse kind
    is returned. Windows are half open, so 3 flashes a second are 3.
    """
    light = [_block_means(_to_linear(frame)) for frame in frames]
    if not light:
        return 0
    rgb = np.stack(light)  # t blocks 3
    luminance = rgb @ np.array((0.2126, 0.7152, 0.0722))
    total = np.maximum(rgb.sum(-1), 1e-9)
    red = np.where(rgb[..., 0] / total >= 0.8, 2 * rgb[..., 0] - total, 0)
    general = _worst_second(_signs(luminance, GENERAL_CHANGE, GENERAL_DARKER), fps)
    return max(general, _worst_second(_signs(red, RED_CHANGE, RED_DARKER), fps))


def _to_linear(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    x = frame / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def _block_means(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    rows = np.array_split(light, BLOCKS, axis=0)
    return np.array([b.mean(axis=(0, 1)) for r in rows for b in np.array_split(r, BLOCKS, axis=1)])


def _signs(values: npt.NDArray[np.float64], change: float, darker: float) -> list[tuple[int, int]]:
    """(frame, +1 or -1) of every change that covers more than a quarter of the picture."""
    times, blocks = values.shape
    marks = np.zeros((times, blocks), np.int8)
    for block in range(blocks):
        for time, sign in _turns(values[:, block].tolist(), change, darker):
            marks[time, block] = sign
    return [
        (time, sign)
        for time in range(times)
        for sign in (1, -1)
        if np.mean(marks[time] == sign) > QUARTER
    ]


def _turns(series: list[float], change: float, darker: float) -> list[tuple[int, int]]:
    """Changes of one block, at the frame where each has grown to ``change``."""
    found: list[tuple[int, int]] = []
    valley = peak = series[0]
    last = 0
    for time, value in enumerate(series):
        valley, peak = min(valley, value), max(peak, value)
        if last <= 0 and value - valley >= change and valley < darker:
            found.append((time, 1))
            last, peak = 1, value
        elif last >= 0 and peak - value >= change and value < darker:
            found.append((time, -1))
            last, valley = -1, value
    return found


def _worst_second(changes: list[tuple[int, int]], fps: float) -> int:
    """Most pairs of opposing changes that begin and end inside one second."""
    worst = 0
    for begin, (start, _) in enumerate(changes):
        pairs, waiting = 0, 0
        for time, sign in changes[begin:]:
            if time - start >= fps:
                break
            if waiting and sign == -waiting:
                pairs, waiting = pairs + 1, 0
            elif not waiting:
                waiting = sign
        worst = max(worst, pairs)
    return worst
