"""The beat grid of a song."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from phosphene.audio.pulse import Float64Array, Pulse, find_pulses
from phosphene.audio.tactus import Candidate, find_candidates
from phosphene.audio.types import FloatArray, IntArray

ACCENT_EDGES = (140.0, 1500.0, 5000.0)
"""Hz between kick, body, snare and hats"""
PULSE_RANGE = (80.0, 400.0)
"""BPM in which the pulse is looked for: often eighths or sixteenths"""
FLUX_DELAY = 0.0225
"""seconds from an attack to the top of its flux, for windows that end at their moment"""
HARMONY_SECONDS, HARMONY_DELAY = 0.4, -0.45
"""between two looks at the harmony, and from its change to the top of the difference, less the flux'
own delay"""
CERTAIN = 0.05
"""contrast of the pulse under which nothing is counted"""
CLEAR = 0.2
"""and from which it takes nothing from the confidence"""
LEAP = 1.5
"""natural log of odds against a leap of the tempo by an octave"""
REST_SECONDS, REST_LEVEL = 1.5, 0.06
"""a silence is at least so long, and under this share (-24 dB) of the loud level"""
HOLD = 0.98
"""beats: where the count waits in a silence for the next beat"""
GAP = 1.75
"""usual steps from one beat to the next from which there is a silence between them"""


@dataclass(frozen=True, eq=False)
class BeatGrid:
    """Beats of a whole song and the clock that runs through them."""

    tempo: float
    """beats per minute, of the longest stretch; 0: no beats"""
    confidence: float
    """0..1: the chance that the tempo is the one people tap, rather than its double or half"""
    times: Float64Array
    """(beats,) seconds, ascending"""
    runner_up: float = 0.0
    """beats per minute of the next best tempo; 0: none"""

    @property
    def steps(self) -> Float64Array:
        """(beats,) seconds to the next beat, in a silence and at the end as before it."""
        if len(self.times) < 2:
            return np.full(len(self.times), 60 / max(self.tempo, 1.0))
        steps = np.diff(self.times)
        steps = np.append(steps, steps[-1])
        for index in self.gaps.tolist():
            steps[index] = steps[index - 1] if index else 60 / self.tempo
        return steps

    @property
    def gaps(self) -> IntArray:
        """Indices of the beats that a silence follows."""
        steps = np.diff(self.times)
        if len(steps) < 2:
            return np.zeros(0, np.int64)
        around = np.minimum(np.append(steps[:1], steps[:-1]), np.append(steps[1:], steps[-1:]))
        return np.flatnonzero((steps > GAP * around) & (steps > REST_SECONDS))

    def position(self, moments: Float64Array) -> Float64Array:
        """(n,) beats since the first one at ``moments`` (seconds); linear beyond both ends.

        In a silence the count waits just before the next beat.
        """
        if not len(self.times):
            return np.zeros(len(moments))
        period = 60 / self.tempo
        if len(self.times) == 1:
            return np.asarray((moments - self.times[0]) / period)
        first, last = self.times[0], self.times[-1]
        gaps = self.gaps
        knots = np.concatenate((self.times, self.times[gaps] + HOLD * self.steps[gaps]))
        counts = np.concatenate((np.arange(len(self.times)), gaps + HOLD))
        order = np.argsort(knots, kind="stable")
        # from the waiting place on the count stands
        waits = self.times[gaps + 1] - 1e-3
        knots = np.concatenate((knots[order], waits))
        counts = np.concatenate((counts[order], gaps + HOLD))
        order = np.argsort(knots, kind="stable")
        inside = np.interp(moments, knots[order], counts[order])
        early = np.minimum((moments - first) / (self.times[1] - first), 0)
        late = np.maximum((moments - last) / (last - self.times[-2]), 0)
        return np.asarray(inside + early + late)

    def tempo_curve(self, moments: Float64Array) -> FloatArray:
        """(n,) beats per minute at ``moments`` (seconds); 0 in silences and where nothing is counted."""
        if len(self.times) < 2:
            return np.zeros(len(moments), np.float32)
        steps = self.steps
        # the median of five steps sees through a slip of the hand and keeps leaps
        around = np.lib.stride_tricks.sliding_window_view(np.pad(steps, 2, mode="edge"), 5)
        tempi = 60 / np.median(around, axis=1)
        where = np.clip(np.searchsorted(self.times, moments, side="right") - 1, 0, len(tempi) - 1)
        curve = tempi[where]
        curve[moments > self.times[where] + GAP * steps[where]] = 0
        curve[moments < self.times[0] - GAP * steps[0]] = 0
        return np.asarray(curve, np.float32)


NO_BEATS = BeatGrid(0.0, 0.0, np.zeros(0))


def find_accents(flux: FloatArray, centres: FloatArray) -> FloatArray:
    """(k, 4) strength of attacks in the ranges of kick, body, snare and hats, each of unit spread."""
    edges = (0.0, *ACCENT_EDGES, np.inf)
    out = np.zeros((len(flux), 4), np.float32)
    for index in range(4):
        inside = (centres >= edges[index]) & (centres < edges[index + 1])
        if inside.any():
            out[:, index] = np.maximum(flux[:, inside].mean(1), 0)
    spread = out.std(0)
    return np.asarray(out / np.maximum(spread, 1e-3), np.float32)


def find_evidence(
    accents: FloatArray, rate: float, chroma: FloatArray, chroma_rate: float
) -> FloatArray:
    """(k, 6): the four accents, bursts of noise, changes of harmony, each of unit spread.

    ``chroma`` (c, 12) is amplitude or its share, at ``chroma_rate`` Hz.
    """
    burst = np.sqrt(accents[:, 2] * accents[:, 3])
    lag = max(1, round(HARMONY_SECONDS * chroma_rate))
    rows = chroma / np.maximum(np.linalg.norm(chroma, axis=1, keepdims=True), 1e-9)
    change = np.zeros(max(len(rows), 1))
    if len(rows) > lag:
        change[lag:] = 1 - np.sum(rows[lag:] * rows[:-lag], 1)
        change[: len(rows)][~(chroma.max(1) > 0)] = 0
    moments = np.arange(len(accents)) / rate - HARMONY_DELAY
    harmony = np.interp(moments, np.arange(len(change)) / chroma_rate, change)
    more = np.column_stack((burst, harmony))
    more = more / np.maximum(more.std(0), 1e-3)
    return np.concatenate((accents, more), axis=1).astype(np.float32)


def find_beats(
    evidence: FloatArray, rate: float, low: float, high: float, duration: float
) -> BeatGrid:
    """Beats from evidence (k, 6) at ``rate`` Hz, with a tempo between ``low`` and ``high`` BPM."""
    envelope = sum_accents(evidence)
    parts = find_pulses(envelope, rate, *PULSE_RANGE)
    if not parts or max(part.pulse.contrast for part in parts) < CERTAIN:
        return NO_BEATS
    options = [
        find_candidates(evidence[part.begin : part.end], rate, part.pulse, low, high)
        for part in parts
    ]
    ways = choose(options)
    sounding = np.flatnonzero(envelope > 0.5)
    times = np.zeros(0)
    for index, (part, way) in enumerate(zip(parts, ways, strict=True)):
        begin = sounding[0] if not index else part.begin
        more = lay_grid(part.pulse, way, part.begin, int(begin), rate)
        if len(times) and len(more):
            # where two tempi meet no beat falls close behind another
            more = more[more > times[-1] + 0.6 * 60 / way.bpm]
        times = np.concatenate((times, more))
    # a beat on the first sample is one, however it is rounded
    times = np.maximum(times[(times > -0.03) & (times < duration)], 0)
    if len(times) < 2:
        return NO_BEATS
    longest = max(range(len(parts)), key=lambda k: parts[k].end - parts[k].begin)
    part, way = parts[longest], ways[longest]
    chance, runner_up = odds(options[longest], way)
    tempo = way.bpm
    if not part.pulse.steady:
        inside = (times >= part.begin / rate) & (times < part.end / rate)
        tempo = 60 / float(np.median(np.diff(times[inside]))) if inside.sum() > 2 else tempo
    sure = chance * min(1.0, part.pulse.contrast / CLEAR)
    return BeatGrid(float(tempo), sure, times, runner_up)


def choose(options: list[list[Candidate]]) -> list[Candidate]:
    """One candidate for every stretch, so that the count does not leap by octaves without cause."""
    best = [(one.score, [one]) for one in options[0]]
    for here in options[1:]:
        best = [
            max(
                (
                    (total + one.score - LEAP * abs(np.log2(one.bpm / way[-1].bpm)), [*way, one])
                    for total, way in best
                ),
                key=lambda pair: pair[0],
            )
            for one in here
        ]
    return max(best, key=lambda pair: pair[0])[1]


def odds(options: list[Candidate], way: Candidate) -> tuple[float, float]:
    """(chance of the tempo of ``way``, the next best tempo)."""
    share: dict[float, float] = {}
    top = max(one.score for one in options)
    for one in options:
        share[one.bpm] = share.get(one.bpm, 0.0) + float(np.exp(one.score - top))
    others = {bpm: part for bpm, part in share.items() if bpm != way.bpm}
    runner_up = max(others, key=lambda bpm: others[bpm]) if others else 0.0
    return share[way.bpm] / sum(share.values()), runner_up


def sum_accents(evidence: FloatArray) -> FloatArray:
    """(k,) one strength per moment from evidence, whose first four streams are the accents."""
    return np.asarray(evidence[:, :4] @ np.asarray((1.0, 0.6, 0.6, 0.5), np.float32), np.float32)


def lay_grid(pulse: Pulse, way: Candidate, first: int, begin: int, rate: float) -> Float64Array:
    """Beats of one way to count a pulse that starts at moment ``first``, from moment ``begin`` on."""
    count = pulse.phase * way.ratio - way.offset
    moments = (first + np.arange(len(count))) / rate - FLUX_DELAY
    low = np.ceil(count[min(max(begin - first, 0), len(count) - 1)] - 0.1)
    return np.interp(np.arange(low, np.floor(count[-1]) + 1), count, moments)


def drop_rests(
    grid: BeatGrid, loudness: FloatArray, rate: float, loud: float, attacks: IntArray
) -> BeatGrid:
    """The grid without the beats in silences: ``loudness`` (k,) is low and no attack falls."""
    quiet = loudness < REST_LEVEL * loud
    # an attack in a silence is none of it, and a fade-out has attacks to its end
    quiet[attacks] = False
    edges = np.concatenate(([False], quiet, [False]))
    times = grid.times
    for begin, end in np.flatnonzero(edges[1:] != edges[:-1]).reshape(-1, 2) / rate:
        if end - begin >= max(REST_SECONDS, 90 / max(grid.tempo, 1)):
            times = times[(times < begin) | (times > end - 0.1)]
    return grid if len(times) == len(grid.times) else replace(grid, times=times)


def scale_grid(
    grid: BeatGrid, multiplier: float, offset: float, strength: FloatArray, rate: float
) -> BeatGrid:
    """The grid at double or half tempo, moved by ``offset`` seconds.

    Half tempo keeps the beats on which more is struck, by ``strength`` (k,) at ``rate`` Hz.
    """
    times = grid.times
    if len(times) > 1 and multiplier == 2:
        between = np.delete(times + 0.5 * grid.steps, [*grid.gaps, len(times) - 1])
        times = np.sort(np.concatenate((times, between)))
    elif len(times) > 3 and multiplier == 0.5:
        index = np.clip(np.round((times + FLUX_DELAY) * rate).astype(int), 0, len(strength) - 1)
        even, odd = strength[index[::2]].mean(), strength[index[1::2]].mean()
        times = times[1::2] if odd > 1.1 * even else times[::2]
    return replace(
        grid,
        tempo=grid.tempo * multiplier,
        times=times + offset,
        runner_up=grid.runner_up * multiplier,
    )
