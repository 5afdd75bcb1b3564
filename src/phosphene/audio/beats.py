"""The beat grid of a song."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phosphene.audio.metre import choose_ratio
from phosphene.audio.pulse import Float64Array, Pulse, find_pulse
from phosphene.audio.types import FloatArray

ACCENT_EDGES = (140.0, 1500.0, 5000.0)
"""Hz between kick, body, snare and hats"""
PULSE_RANGE = (80.0, 400.0)
"""BPM in which the pulse is looked for: often eighths or sixteenths"""
FLUX_DELAY = 0.0225
"""seconds from an attack to the top of its flux, for windows that end at their moment"""
STRIKES = (1.0, 1.8, 1.9, 0.1)
"""how much kick, body, snare and hats say about where in the beat the beat is"""
OFF_BEAT, BETWEEN = 0.45, -0.3
"""the same for what is struck half a beat and a quarter of a beat away"""
HELD_WIDTH, HELD_LEAD = 0.12, 0.25
"""beats within which a place counts as the one that is held, and the share its score has ahead"""
CERTAIN = 0.05
"""confidence under which nothing is counted"""


@dataclass(frozen=True, eq=False)
class BeatGrid:
    """Beats of a whole song and the clock that runs through them."""

    tempo: float
    """beats per minute; 0: no beats"""
    confidence: float
    """0..1"""
    times: Float64Array
    """(beats,) seconds, ascending"""

    def position(self, moments: Float64Array) -> Float64Array:
        """(n,) beats since the first one at ``moments`` (seconds); linear beyond both ends."""
        if not len(self.times):
            return np.zeros(len(moments))
        period = 60 / self.tempo
        if len(self.times) == 1:
            return np.asarray((moments - self.times[0]) / period)
        first, last = self.times[0], self.times[-1]
        inside = np.interp(moments, self.times, np.arange(len(self.times)))
        early = np.minimum((moments - first) / (self.times[1] - first), 0)
        late = np.maximum((moments - last) / (last - self.times[-2]), 0)
        return np.asarray(inside + early + late)


NO_BEATS = BeatGrid(0.0, 0.0, np.zeros(0))


def find_accents(flux: FloatArray, centres: FloatArray) -> FloatArray:
    """(k, 4) strength of attacks in the ranges of kick, body, snare and hats, each of unit spread."""
    edges = (0.0, *ACCENT_EDGES, np.inf)
    out = np.zeros((len(flux), 4), np.float32)
    for index in range(4):
        inside = (centres >= edges[index]) & (centres < edges[index + 1])
        if inside.any():
            out[:, index] = flux[:, inside].mean(1)
    spread = out.std(0)
    return np.asarray(out / np.maximum(spread, 1e-3), np.float32)


def find_beats(
    accents: FloatArray, rate: float, low: float, high: float, duration: float
) -> BeatGrid:
    """Beats from accents (k, 4) at ``rate`` Hz, with a tempo between ``low`` and ``high`` BPM."""
    envelope = sum_accents(accents)
    pulse = find_pulse(envelope, rate, *PULSE_RANGE)
    if pulse is None or pulse.contrast < CERTAIN:
        return NO_BEATS
    return lay_grid(accents, rate, pulse, choose_ratio(accents, pulse, low, high), duration)


def sum_accents(accents: FloatArray) -> FloatArray:
    """(k,) one strength per moment from accents (k, 4)."""
    return np.asarray(accents @ np.asarray((1.0, 0.6, 0.6, 0.5), np.float32), np.float32)


def lay_grid(
    accents: FloatArray,
    rate: float,
    pulse: Pulse,
    ratio: float,
    duration: float,
    held: float | None = None,
    trust: float = 1.0,
) -> BeatGrid:
    """The grid of ``ratio`` beats per pulse, its beats where people would tap.

    ``held`` is the time in seconds of a beat that is counted already: in doubt that stays a beat,
    the more so the larger its ``trust`` (0..1).
    """
    envelope = sum_accents(accents)
    phase = pulse.phase * ratio
    moments = np.arange(len(phase)) / rate - FLUX_DELAY
    where = None if held is None else float(np.interp(held, moments, phase)) % 1.0
    phase = phase - beat_offset(phase, accents, pulse.bpm * ratio, where, trust)
    sounding = np.flatnonzero(envelope > 0.5)
    first, last = np.ceil(phase[sounding[0]] - 0.1), np.floor(phase[-1])
    times = np.interp(np.arange(first, last + 1), phase, moments)
    times = times[(times >= 0) & (times < duration)]
    if len(times) < 2:
        return NO_BEATS
    tempo = 60 * (len(times) - 1) / (times[-1] - times[0])
    if pulse.steady:
        tempo = pulse.bpm * ratio
    return BeatGrid(float(tempo), pulse.contrast, times)


def beat_offset(
    phase: Float64Array,
    accents: FloatArray,
    bpm: float,
    held: float | None = None,
    trust: float = 1.0,
) -> float:
    """Where in the cycle of ``phase`` (0..1) people would tap, from accents (k, 4).

    In doubt it is near ``held`` (0..1), the more so the larger its ``trust`` (0..1).

    The weights were chosen on the synthesised grooves of :mod:`phosphene.audio.metre`.
    """
    bins = 96
    strong = accents @ np.asarray(STRIKES, np.float32)
    slot = (np.floor(phase * bins).astype(np.int64)) % bins
    total = np.bincount(slot, strong, minlength=bins)
    profile = total / np.maximum(np.bincount(slot, minlength=bins), 1)
    # blurred by 15 ms: no player is exact
    width = 0.015 * bpm / 60 * bins
    distance = np.minimum(np.arange(bins), bins - np.arange(bins))
    bump = np.exp(-0.5 * np.square(distance / width))
    smooth = np.fft.irfft(np.fft.rfft(profile) * np.fft.rfft(bump / bump.sum()), bins)
    quarters = np.roll(smooth, bins // 4) + np.roll(smooth, -bins // 4)
    score = smooth + OFF_BEAT * np.roll(smooth, bins // 2) + BETWEEN * quarters
    if held is not None:
        centres = (np.arange(bins) + 0.5) / bins
        near = np.abs((centres - held + 0.5) % 1.0 - 0.5) < HELD_WIDTH
        score = np.where(near, score * (1 + trust * HELD_LEAD), score)
    return float(score.argmax() + 0.5) / bins


def scale_grid(
    grid: BeatGrid, multiplier: float, offset: float, strength: FloatArray, rate: float
) -> BeatGrid:
    """The grid at double or half tempo, moved by ``offset`` seconds.

    Half tempo keeps the beats on which more is struck, by ``strength`` (k,) at ``rate`` Hz.
    """
    times = grid.times
    if len(times) > 1 and multiplier == 2:
        times = np.interp(np.arange(2 * len(times) - 1) / 2, np.arange(len(times)), times)
    elif len(times) > 3 and multiplier == 0.5:
        index = np.clip(np.round((times + FLUX_DELAY) * rate).astype(int), 0, len(strength) - 1)
        even, odd = strength[index[::2]].mean(), strength[index[1::2]].mean()
        times = times[1::2] if odd > 1.1 * even else times[::2]
    return BeatGrid(grid.tempo * multiplier, grid.confidence, times + offset)
