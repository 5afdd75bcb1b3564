"""Bars and phrases: which beats are the first of a bar, and how many there are in one.

Every beat is described by what is struck on it and what changes with it: kick, snare, hats, harmony,
loudness. A hypothesis is a number of beats in a bar and which of them is the first; what speaks for it is
the mean description of its first, second, middle and last beats, and how much the music resembles itself one,
two and four bars later. A softmax regression over the hypotheses (``bars.npz``, fitted to made music) weighs
this; the same weights then follow the bars beat by beat, so that a lost beat or a new part may shift them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from phosphene.audio.pulse import Float64Array
from phosphene.audio.types import FloatArray, IntArray

COUNTS = (2, 3, 4, 5, 7)
"""beats in a bar that are tried"""
WAYS = tuple((count, first) for count in COUNTS for first in range(count))
"""(beats in a bar, which of the first beats begins one)"""
TERNARY = 0.5
"""natural log of strikes at thirds against those at halves and quarters, from which two beats are 6/8"""
SPOTS = (0.0, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4)
"""places in a beat whose strikes are compared from bar to bar"""
PARTS = (1 / 3, 2 / 3, 1 / 4, 1 / 2, 3 / 4)
"""of a beat: thirds, then quarters"""
NEAR_SECONDS = 0.04
"""how far from its place a strike may be"""
FLUX_DELAY = 0.0225
"""seconds from an attack to the top of its flux"""
HARMONY_SECONDS = 0.4
"""after so long a window of harmony holds nothing of the time before the beat"""
LAGS = 16
"""beats after which the music is compared with itself"""
BARS_OF_PROOF = 8.0
"""bars of usual evidence that count as much as the evidence of the whole"""
SHIFT = 6.0
"""natural log of the odds against a bar that is too short or too long"""
FEWEST = 8
"""beats under which no metre is looked for"""


@dataclass(frozen=True, eq=False)
class Bars:
    """The bars of a song."""

    first: IntArray
    """(bars,) indices of the beats that begin one"""
    count: int
    """beats in a bar"""
    metre: int
    """upper figure of the time signature"""
    confidence: float
    """0..1"""


NO_BARS = Bars(np.zeros(0, np.int64), 4, 4, 0.0)


@cache
def weights() -> tuple[Float64Array, Float64Array, Float64Array]:
    """(mean, spread, weight) of each feature."""
    with np.load(Path(__file__).with_name("bars.npz")) as data:
        return data["mean"], data["spread"], data["weight"]


def strikes(evidence: FloatArray, rate: float, times: Float64Array) -> Float64Array:
    """(n, streams) strongest of each stream within :data:`NEAR_SECONDS` of ``times``."""
    reach = max(1, round(NEAR_SECONDS * rate))
    where = np.round((times + FLUX_DELAY) * rate).astype(np.int64)
    around = np.clip(where[:, None] + np.arange(-reach, reach + 1), 0, len(evidence) - 1)
    return np.asarray(evidence[around].max(1), np.float64)


def describe_beats(
    evidence: FloatArray,
    rate: float,
    loudness: FloatArray,
    chroma: FloatArray,
    chroma_rate: float,
    beats: Float64Array,
) -> tuple[Float64Array, Float64Array]:
    """((n, 8) what speaks for a downbeat, (n, d) pattern) of every beat of ``beats`` seconds."""
    steps = np.diff(beats)
    steps = np.append(steps, steps[-1:])
    # a gap is no long beat
    steps = np.minimum(steps, 1.5 * np.median(steps))
    spots = [strikes(evidence, rate, beats + spot * steps) for spot in SPOTS]

    def harmony(times: Float64Array) -> Float64Array:
        index = np.clip(np.round(times * chroma_rate).astype(np.int64), 0, len(chroma) - 1)
        rows = np.asarray(chroma[index], np.float64)
        return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))

    after, before = harmony(beats + HARMONY_SECONDS), harmony(beats)
    earlier = harmony(beats - steps)
    change = 1 - np.sum(after * before, 1)
    long_change = 1 - np.sum(after * earlier, 1)
    level = np.log(np.maximum(loudness, 1e-3 * max(float(loudness.max()), 1e-9)))
    total = np.concatenate(([0.0], np.cumsum(level)))

    def mean_level(begin: Float64Array, end: Float64Array) -> Float64Array:
        low = np.clip((begin * rate).astype(np.int64), 0, len(level) - 1)
        high = np.clip((end * rate).astype(np.int64), low + 1, len(level))
        return np.asarray((total[high] - total[low]) / (high - low))

    rise = mean_level(beats, beats + steps) - mean_level(beats - steps, beats)
    on = spots[0]
    rows = np.column_stack((on[:, :5], change, long_change, rise))
    pattern = np.concatenate([spot[:, :5] for spot in spots], axis=1)
    pattern = pattern / np.maximum(pattern.mean(0), 0.1)
    pattern = np.concatenate((np.sqrt(pattern), 1.5 * after), axis=1)
    return scaled(rows), pattern - pattern.mean(0)


def scaled(rows: Float64Array) -> Float64Array:
    """Each column around its mean, in units of its spread; outliers tamed."""
    spread = rows.std(0)
    return np.asarray(np.tanh(0.5 * (rows - rows.mean(0)) / np.maximum(spread, 1e-3)) * 2)


def likeness(pattern: Float64Array) -> Float64Array:
    """(LAGS + 1,) how alike beats are that lie so many beats apart; 0 is chance."""
    power = max(float(np.square(pattern).sum(1).mean()), 1e-9)
    out = np.zeros(LAGS + 1)
    for lag in range(1, LAGS + 1):
        if len(pattern) > lag + 4:
            out[lag] = float((pattern[lag:] * pattern[:-lag]).sum(1).mean()) / power
    return out


def threes(evidence: FloatArray, rate: float, beats: Float64Array) -> float:
    """How much more beats are parted in three than in two or four, natural log."""
    steps = np.append(np.diff(beats), np.diff(beats)[-1:])
    steps = np.minimum(steps, 1.5 * np.median(steps))
    hits = np.asarray([strikes(evidence, rate, beats + s * steps)[:, :5].mean() for s in PARTS])
    return float(np.log((hits[:2].mean() + 0.1) / (max(hits[3], hits[[2, 4]].mean()) + 0.1)))


def features(
    rows: Float64Array, alike: Float64Array, ternary: float, bpm: float, count: int, first: int
) -> Float64Array:
    """What speaks for bars of ``count`` beats of which beat ``first`` begins one."""
    place = (np.arange(len(rows)) - first) % count
    middle = rows[place == count // 2].mean(0) if count == 4 else np.zeros(rows.shape[1])
    second = rows[place == 1].mean(0)
    last = rows[place == count - 1].mean(0)
    spots = [rows[place == 0].mean(0), second, middle, last]
    inner = alike[1:count].mean()
    same = [
        alike[count] - inner,
        alike[min(2 * count, LAGS)] - inner,
        alike[min(4 * count, LAGS)] - inner,
    ]
    octave = float(np.log2(bpm / 120))
    which = np.zeros((len(COUNTS), 5))
    which[COUNTS.index(count)] = (1.0, octave, ternary, *same[:2])
    return np.concatenate((*spots, same, which.ravel()))


def find_bars(
    rows: Float64Array, pattern: Float64Array, ternary: float, bpm: float, gaps: IntArray
) -> Bars:
    """Bars of the beats described; at ``gaps`` (indices of beats) the count may begin anew."""
    if len(rows) < FEWEST:
        return Bars(np.arange(0, len(rows), 4), 4, 4, 0.0)
    count, begin, chance = choose_way(judge_bars(rows, pattern, ternary, bpm))
    first = follow_bars(rows, count, begin, gaps)
    return Bars(first, count, name_metre(count, ternary), chance)


def judge_bars(
    rows: Float64Array, pattern: Float64Array, ternary: float, bpm: float
) -> Float64Array:
    """(ways,) natural log of the odds of each of :data:`WAYS`, up to a constant."""
    alike = likeness(pattern)
    mean, spread, weight = weights()
    table = np.stack([features(rows, alike, ternary, bpm, *way) for way in WAYS])
    return np.asarray(((table - mean) / spread) @ weight)


def choose_way(scores: Float64Array) -> tuple[int, int, float]:
    """(beats in a bar, which of the first beats begins one, chance of that count)."""
    odds = np.exp(scores - scores.max())
    odds /= odds.sum()
    chance = {c: float(sum(odds[k] for k, w in enumerate(WAYS) if w[0] == c)) for c in COUNTS}
    count = max(COUNTS, key=lambda c: chance[c])
    _, begin = max((odds[k], w[1]) for k, w in enumerate(WAYS) if w[0] == count)
    return count, begin, chance[count]


def name_metre(count: int, ternary: float) -> int:
    """Upper figure of the time signature of bars of ``count`` beats."""
    return 6 if count == 2 and ternary > TERNARY else count


def follow_bars(rows: Float64Array, count: int, begin: int, gaps: IntArray) -> IntArray:
    """Indices of first beats: bars of ``count`` that may shift where the evidence says so (Viterbi)."""
    size = rows.shape[1]
    _, spread, weight = weights()
    slope = (weight / spread)[: 4 * size].reshape(4, size)
    emission = np.zeros((len(rows), count))
    emission[:, 0] += rows @ slope[0]
    emission[:, 1] += rows @ slope[1]
    if count == 4:
        emission[:, 2] += rows @ slope[2]
    emission[:, count - 1] += rows @ slope[3]
    # the mean over bars was fitted: so many bars weigh as much
    emission *= 1 / BARS_OF_PROOF
    best = emission[0] - SHIFT * (np.arange(count) != (-begin) % count)
    back = np.zeros((len(rows), count), np.int64)
    free = set(gaps.tolist())
    for index in range(1, len(rows)):
        onward = np.roll(best, 1)
        source = (np.arange(count) - 1) % count
        top = int(best.argmax())
        price = 0.25 * SHIFT if index in free else SHIFT
        leap = best[top] - price > onward
        back[index] = np.where(leap, top, source)
        best = np.where(leap, best[top] - price, onward) + emission[index]
    place = int(best.argmax())
    places = np.empty(len(rows), np.int64)
    for index in range(len(rows) - 1, -1, -1):
        places[index] = place
        place = int(back[index, place])
    return np.flatnonzero(places == 0)


def find_phrases(bars: int, novelty: FloatArray) -> tuple[int, int]:
    """(bars in a phrase, first bar of one): 4, 8 or 16, from how new the music is at each bar (bars,)."""
    length, first = 4, 0
    if bars < 8:
        return length, first
    means = [float(novelty[k::4].mean()) for k in range(4)]
    first = int(np.argmax(means))
    for longer in (8, 16):
        if bars < 2 * longer:
            break
        here, there = (float(novelty[k::longer].mean()) for k in (first, first + length))
        if max(here, there) < 1.25 * min(here, there):
            break
        first, length = (first if here >= there else first + length), longer
    return length, first
