"""Which multiple of the pulse people would tap, and where in it.

A candidate is a number of beats per pulse and a place in the pulse. What speaks for it: how strong each
stream (kick, body, snare, hats, bursts of noise, changes of harmony) is on the metrical levels around it,
from the bar to sixteenths; what is struck on it, half a beat, a third and a quarter of a beat away; whether
kick and snare alternate; and what tempi people tap. A small network with one layer weighs all this, for what
a strike means hangs on what else is struck, and a softmax over the candidates makes odds of it. How far these
may be trusted, by the length of what was heard, is measured on pieces that the network was not fitted to.
Its weights (``tactus.npz``) were fitted to made music of many kinds, metres, tempi and rooms.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from phosphene.audio.pulse import Float64Array, Pulse
from phosphene.audio.types import FloatArray

RATIOS = (1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1.0, 4 / 3, 3 / 2, 2.0, 3.0)
"""beats per pulse"""
LEVELS = (1 / 6, 1 / 5, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1.0, 3 / 2, 2.0, 3.0, 4.0)
"""periodicities per beat that are looked at: 1/4 is a bar of four, 4 are sixteenths"""
PLACES = (0.0, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4)
"""places in the beat that are looked at"""
BINS = 96
"""of two beats"""
FLOOR = 0.02
"""periodicity that counts as none"""
SHARP = 0.015
"""seconds by which the fold is blurred: no player is exact"""
STRIKES = np.asarray((1.0, 1.8, 1.9, 0.1, 1.0, 0.0))
"""how much each stream says about where beats may be"""
MOST_PLACES, APART = 5, 0.1
"""places in the beat that are tried, and beats between them"""
MARGIN = 0.03
"""share by which a tempo may lie outside the range asked for"""
USUAL_SECONDS, LONGEST_SECONDS = 24.0, 45.0
"""the length that others are compared with, and the longest that the network was shown"""


@dataclass(frozen=True)
class Candidate:
    """One way to count."""

    ratio: float
    """beats per pulse"""
    offset: float
    """beats, 0..1: the count is ``ratio * phase - offset``"""
    bpm: float
    score: float
    """natural log of its odds, up to a constant"""


@dataclass(frozen=True, eq=False)
class Weights:
    """A network of ``d`` features, the last of which is the length, and ``h`` units."""

    mean: FloatArray
    """(d,)"""
    spread: FloatArray
    """(d,)"""
    slope: FloatArray
    """(d,) what a feature says by itself"""
    inner: FloatArray
    """(d, h) what it says together with others"""
    bias: FloatArray
    """(h,)"""
    outer: FloatArray
    """(h,)"""
    trust: FloatArray
    """(2,) natural log of what scores are multiplied by, at the usual length, and more of it per unit of
    :func:`log_length`"""

    def score(self, rows: FloatArray) -> Float64Array:
        """(n,) what speaks for each of (n, d) rows, before it is known how far it may be trusted."""
        scaled = (rows - self.mean) / self.spread
        together = np.tanh(scaled @ self.inner + self.bias) @ self.outer
        return np.asarray(scaled @ self.slope + together, np.float64)


@cache
def weights() -> Weights:
    """The fitted ones."""
    with np.load(Path(__file__).with_name("tactus.npz")) as data:
        return Weights(**data)


def log_length(seconds: float) -> float:
    """How long the music is, natural log over the usual length."""
    return float(np.log(min(seconds, LONGEST_SECONDS) / USUAL_SECONDS))


def find_candidates(
    evidence: FloatArray, rate: float, pulse: Pulse, low: float, high: float
) -> list[Candidate]:
    """All ways to count ``pulse`` at ``low``..``high`` BPM, the likeliest first.

    ``evidence`` is (k, 6) streams at ``rate`` Hz.
    """
    ways, rows = describe(evidence, pulse, low, high)
    length = log_length(len(evidence) / rate)
    model = weights()
    trust = np.exp(model.trust[0] + model.trust[1] * length)
    full = np.column_stack((rows, np.full(len(rows), length))).astype(np.float32)
    scores = trust * model.score(full)
    found = [
        Candidate(ratio, offset, pulse.bpm * ratio, float(score))
        for (ratio, offset), score in zip(ways, scores, strict=True)
    ]
    return sorted(found, key=lambda one: -one.score)


def describe(
    evidence: FloatArray, pulse: Pulse, low: float, high: float
) -> tuple[list[tuple[float, float]], Float64Array]:
    """(ratio, offset) of every candidate, and its features (candidates, d)."""
    inside = (low * (1 - MARGIN), high * (1 + MARGIN))
    ratios = [ratio for ratio in RATIOS if inside[0] <= pulse.bpm * ratio <= inside[1]]
    if not ratios:
        # the range spans an octave, so halving and doubling must reach it
        ratios = [float(2.0 ** np.ceil(np.log2(low / pulse.bpm)))]
    centred = evidence - evidence.mean(0)
    known: dict[float, Float64Array] = {}
    ways: list[tuple[float, float]] = []
    rows: list[Float64Array] = []
    for ratio in ratios:
        for level in LEVELS:
            key = round(ratio * level, 6)
            if key not in known:
                turn = np.exp((-2j * np.pi * key) * pulse.phase).astype(np.complex64)
                known[key] = np.abs(turn @ centred) / len(centred)
        levels = np.stack([known[round(ratio * level, 6)] for level in LEVELS])
        bpm = pulse.bpm * ratio
        folded = fold(evidence, pulse.phase * ratio, bpm)
        octave = float(np.log2(bpm / 120))
        shared = np.concatenate((np.log(levels + FLOOR).ravel(), [octave, octave**2, octave**3]))
        for offset in likely_places(folded):
            ways.append((ratio, offset))
            rows.append(np.concatenate((shared, look(folded, offset))))
    return ways, np.stack(rows)


def fold(evidence: FloatArray, count: Float64Array, bpm: float) -> Float64Array:
    """(BINS, 6) mean of each stream over two beats of ``count``, over its mean."""
    slot = (np.floor(count * (BINS / 2))).astype(np.int64) % BINS
    size = np.maximum(np.bincount(slot, minlength=BINS), 1)
    total = np.stack([np.bincount(slot, column, minlength=BINS) for column in evidence.T], axis=1)
    profile = total / size[:, None]
    width = SHARP * bpm / 60 * BINS / 2
    distance = np.minimum(np.arange(BINS), BINS - np.arange(BINS))
    bump = np.exp(-0.5 * np.square(distance / width))
    turned = np.fft.rfft(profile, axis=0) * np.fft.rfft(bump / bump.sum())[:, None]
    smooth = np.fft.irfft(turned, BINS, axis=0)
    return np.asarray(smooth / np.maximum(smooth.mean(0), 1e-3))


def likely_places(folded: Float64Array) -> list[float]:
    """Places in the beat, 0..1, where most is struck."""
    half = BINS // 2
    both = (folded[:half] + folded[half:]) @ STRIKES
    peaks = (both >= np.roll(both, 1)) & (both > np.roll(both, -1))
    found: list[float] = []
    for slot in np.argsort(-np.where(peaks, both, -np.inf)):
        if len(found) == MOST_PLACES or not peaks[slot]:
            break
        # the vertex of the parabola through the top
        left, top, right = both[slot - 1], both[slot], both[(slot + 1) % half]
        bend = left - 2 * top + right
        shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
        place = float((slot + 0.5 + shift) / half % 1.0)
        if all(abs((place - other + 0.5) % 1.0 - 0.5) >= APART for other in found):
            found.append(place)
    return found or [0.0]


def look(folded: Float64Array, offset: float) -> Float64Array:
    """What is struck around the beat at ``offset``, and how two beats in a row differ."""
    half = BINS // 2

    def at(place: float) -> Float64Array:
        where = (offset + place) * half - 0.5
        low = int(np.floor(where))
        share = where - low
        return np.asarray((1 - share) * folded[low % BINS] + share * folded[(low + 1) % BINS])

    around = [np.log(0.5 * (at(place) + at(place + 1)) + 0.1) for place in PLACES]
    turns = [(at(p) - at(p + 1)) / (at(p) + at(p + 1) + 0.3) for p in (0.0, 0.5)]
    kick, snare, burst = turns[0][0], turns[0][2], turns[0][4]
    return np.concatenate(
        [*around, *(np.abs(turn) for turn in turns), [-kick * snare, -kick * burst]]
    )
