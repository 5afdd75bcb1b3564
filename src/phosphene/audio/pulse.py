"""The steady pulse under a song: one strong periodicity, followed through slow changes of tempo.

Which multiple of it is *the beat* is decided in :mod:`phosphene.audio.tactus`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from phosphene.audio.types import FloatArray

Float64Array = npt.NDArray[np.float64]

BPM_STEP = 0.05
HARMONIC_WEIGHTS = (1.0, 0.8, 0.6, 0.5)
WINDOW_SECONDS = 10.0
HOP_SECONDS = 2.0
DRIFT_RANGE = 0.22
"""how far the tempo may wander from its usual value"""
DRIFT_STEP = 0.004
JUMP, RELATED = 1.5, 4.0
"""full scores that a leap of the tempo costs, and times as much to a multiple of it"""
JUMPED = 0.05
"""natural log of the ratio of two tempi that are a leap apart"""
SHORTEST_STRETCH = 5.0
"""seconds for which a tempo is worth a leap"""
STEADY = 0.85
"""a constant tempo is kept when it explains this share of what a varying one explains"""


@dataclass(frozen=True, eq=False)
class Pulse:
    """``phase[k]``: pulses since the start of the song at moment ``k``; pulses are at integers."""

    phase: Float64Array
    """(k,) strictly ascending"""
    bpm: float
    """usual pulses per minute"""
    steady: bool
    """True when the tempo does not vary"""
    contrast: float
    """0..1: how far this pulse stands out from unrelated ones"""


def harmonic_sum(
    envelope: FloatArray, rate: float, bpm: Float64Array, step: float = BPM_STEP
) -> Float64Array:
    """(len(bpm),) weighted sum of the Fourier magnitudes at each tempo and its harmonics.

    ``envelope`` is (k,) attack strength at ``rate`` Hz; the result is a mean per moment. ``step``
    is the spacing of the spectrum underneath, BPM.
    """
    wanted = max(4 * len(envelope), int(rate * 60 / step))
    size = 1 << (wanted - 1).bit_length()
    magnitude = np.abs(np.fft.rfft(envelope - envelope.mean(), size))
    bin_bpm = np.arange(len(magnitude)) * (60 * rate / size)
    total = np.zeros(len(bpm))
    for harmonic, weight in enumerate(HARMONIC_WEIGHTS, start=1):
        total += weight * np.interp(bpm * harmonic, bin_bpm, magnitude, right=0.0)
    return total / len(envelope)


@dataclass(frozen=True, eq=False)
class Stretch:
    """A part of a song that has one pulse, from moment ``begin`` on."""

    begin: int
    end: int
    pulse: Pulse


def find_pulses(envelope: FloatArray, rate: float, low: float, high: float) -> list[Stretch]:
    """Pulses between ``low`` and ``high`` BPM, one after another; none where nothing repeats.

    A whole-song Fourier grid finds a constant tempo to 0.05 BPM; a tempo that drifts is followed by
    dynamic programming over windows of 10 s, then by the phase that is left. Another pulse begins where the
    tempo jumps, at a price.
    """
    if len(envelope) < 3 * rate or float(envelope.std()) <= 0:
        return []
    coarse = np.geomspace(low, high, int(np.log(high / low) / DRIFT_STEP) + 1)
    windows = local_windows(envelope, rate)
    local = np.stack([harmonic_sum(window, rate, coarse, 0.5) for window in windows])
    if len(windows) == 1:
        return [Stretch(0, len(envelope), fit_pulse(envelope, rate, local, coarse, None))]
    whole = fit_pulse(envelope, rate, local, coarse, None)
    path = follow(local, coarse, JUMP)
    cuts = np.flatnonzero(np.abs(np.diff(np.log(path))) > JUMPED) + 1
    if not len(cuts):
        return [Stretch(0, len(envelope), whole)]
    edges = [0, *cuts.tolist(), len(path)]
    parts: list[Stretch] = []
    for first, last in pairwise(edges):
        begin = 0 if not first else round((first - 0.5) * HOP_SECONDS * rate)
        end = len(envelope) if last == len(path) else round((last - 0.5) * HOP_SECONDS * rate)
        if end - begin < SHORTEST_STRETCH * rate or float(envelope[begin:end].std()) <= 0:
            if parts:
                parts[-1] = replace(parts[-1], end=end)
            continue
        pulse = fit_pulse(envelope[begin:end], rate, local[first:last], coarse, path[first:last])
        parts.append(Stretch(begin if parts else 0, end, pulse))
    # where one tempo explains the whole nearly as well there is no jump; a tempo that may wander
    # explains more by its freedom
    apart = sum(comb(p.pulse.phase, envelope[p.end - len(p.pulse.phase) : p.end]) for p in parts)
    if len(parts) < 2 or comb(whole.phase, envelope) > (STEADY if whole.steady else 1.0) * apart:
        return [Stretch(0, len(envelope), whole)]
    return meet(parts, envelope, rate)


def fit_pulse(
    envelope: FloatArray,
    rate: float,
    local: Float64Array,
    coarse: Float64Array,
    path: Float64Array | None,
) -> Pulse:
    """The pulse of ``envelope``, whose scores at tempi ``coarse`` in windows are ``local``."""
    usual = local.mean(0)
    guess = float(coarse[usual.argmax()]) if path is None else float(np.median(path))
    near = np.arange(guess * 0.97, guess * 1.03, BPM_STEP)
    constant = float(near[harmonic_sum(envelope, rate, near).argmax()])
    moments: Float64Array = np.arange(len(envelope), dtype=np.float64) / (60 * rate)
    constant = refine(constant, moments, envelope)
    phase = moments * constant
    steady = True
    if len(local) > 1:
        if path is None:
            inside = np.abs(np.log(coarse / guess)) < DRIFT_RANGE
            path = follow(local[:, inside], coarse[inside], np.inf)
        varying = integrate(path, rate, len(envelope))
        varying = straighten(varying, envelope, rate)
        if comb(phase, envelope) < STEADY * comb(varying, envelope):
            phase, steady = varying, False
            usual = along(local, coarse, path, guess)
    return Pulse(phase, guess if not steady else constant, steady, stands_out(usual, coarse, guess))


def along(
    local: Float64Array, coarse: Float64Array, path: Float64Array, guess: float
) -> Float64Array:
    """Mean of the windows' scores, each moved as if the tempo had stayed at ``guess`` all along.

    Where the tempo varies, a plain mean is a blur in which nothing stands out.
    """
    grid = np.log(coarse)
    moved = [
        np.interp(grid + np.log(here / guess), grid, score)
        for here, score in zip(path, local, strict=True)
    ]
    return np.asarray(np.mean(moved, axis=0))


def meet(parts: list[Stretch], envelope: FloatArray, rate: float) -> list[Stretch]:
    """``parts`` with the edges between them where the attacks change from one pulse to the next."""
    out = [parts[0]]
    for after in parts[1:]:
        before = out[-1]
        reach = round(SHORTEST_STRETCH * rate)
        low, high = max(before.begin, before.end - reach), min(after.end, before.end + reach)
        moments = np.arange(low, high)
        gain = np.zeros(len(moments))
        for part, sign in ((before, 1.0), (after, -1.0)):
            turn = spread_phase(part, moments)
            for harmonic in (1, 2):
                centre = comb_angle(part, envelope, harmonic)
                gain += sign * envelope[low:high] * np.cos(2 * np.pi * harmonic * turn - centre)
        edge = low + int(np.argmax(np.cumsum(gain)))
        edge = int(np.clip(edge, before.begin + 1, after.end - 1))
        out[-1] = Stretch(
            before.begin,
            edge,
            replace(before.pulse, phase=spread_phase(before, np.arange(before.begin, edge))),
        )
        phase = spread_phase(after, np.arange(edge, after.end))
        out.append(Stretch(edge, after.end, replace(after.pulse, phase=phase)))
    first = out[0]
    if len(first.pulse.phase) != first.end - first.begin:
        phase = spread_phase(first, np.arange(first.begin, first.end))
        out[0] = replace(first, pulse=replace(first.pulse, phase=phase))
    return out


def spread_phase(part: Stretch, moments: npt.NDArray[np.int64]) -> Float64Array:
    """The pulse's phase at ``moments``, which may lie outside the stretch it was found in."""
    phase = part.pulse.phase
    own = part.end - len(phase) + np.arange(len(phase))
    inside = np.interp(moments, own, phase)
    look = min(len(phase) - 1, 400)
    early = np.minimum(moments - own[0], 0) * (phase[look] - phase[0]) / look
    late = np.maximum(moments - own[-1], 0) * (phase[-1] - phase[-1 - look]) / look
    return np.asarray(inside + early + late)


def comb_angle(part: Stretch, envelope: FloatArray, harmonic: int) -> float:
    """Where in the pulse's cycle its attacks are, radians."""
    phase = part.pulse.phase
    own = envelope[part.end - len(phase) : part.end]
    total = np.sum((own - own.mean()) * np.exp(2j * np.pi * harmonic * phase))
    return float(np.angle(total))


def refine(bpm: float, minutes: Float64Array, envelope: FloatArray) -> float:
    """``bpm`` between the steps of the grid: the vertex of a parabola through the comb's scores.

    In a song of five minutes half a step of the grid would be 30 ms at the end.
    """
    near = bpm + 0.4 * BPM_STEP * np.arange(-3, 4)
    scores = [comb(minutes * value, envelope) for value in near]
    top = int(np.argmax(scores))
    if not 0 < top < len(near) - 1:
        return bpm
    left, here, right = scores[top - 1 : top + 2]
    bend = left - 2 * here + right
    shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return float(near[top] + shift * 0.4 * BPM_STEP)


def local_windows(envelope: FloatArray, rate: float) -> list[FloatArray]:
    """Overlapping Hann-weighted windows; one of the whole when the song is short."""
    length, hop = round(WINDOW_SECONDS * rate), round(HOP_SECONDS * rate)
    if len(envelope) < 1.5 * length:
        return [envelope]
    padded = np.pad(envelope, length // 2)
    shape = np.hanning(length).astype(np.float32)
    starts = range(0, len(envelope) + 1, hop)
    return [padded[s : s + length] * shape for s in starts]


def follow(local: Float64Array, bpm: Float64Array, jump: float) -> Float64Array:
    """(windows,) tempo path of the highest summed score (Viterbi); ``jump`` is the price of a leap."""
    score = local / max(float(local.max()), 1e-12)
    steps = np.arange(len(bpm))
    # 2 s apart, tempo moves by 1 % at a price of about a tenth of a full score
    price = 0.02 * np.square(steps[:, None] - steps[None, :])
    if np.isfinite(jump):
        octave = np.abs(np.log(bpm[:, None] / bpm[None, :]))
        # a leap to a multiple is another look at the same music
        related = np.abs(octave[..., None] - np.log([4 / 3, 3 / 2, 2, 3, 4])).min(-1) < 0.05
        price = np.minimum(price, np.where(related, RELATED * jump, jump))
    best = score[0]
    back = np.zeros(score.shape, np.int64)
    for index in range(1, len(score)):
        options = best[None, :] - price
        back[index] = options.argmax(1)
        best = options[steps, back[index]] + score[index]
    where = int(best.argmax())
    path = np.empty(len(score))
    for index in range(len(score) - 1, -1, -1):
        path[index] = bpm[where]
        where = int(back[index, where])
    return path


def integrate(path: Float64Array, rate: float, count: int) -> Float64Array:
    """(count,) pulses since the start from a tempo path in BPM, one value per hop."""
    moments = np.arange(count) / rate
    bpm = np.interp(moments, np.arange(len(path)) * HOP_SECONDS, path)
    return np.concatenate(([0.0], np.cumsum(bpm[:-1]) / (60 * rate)))


def straighten(phase: Float64Array, envelope: FloatArray, rate: float) -> Float64Array:
    """``phase`` less the slow deviation of the attacks from it, so that attacks fall on integers."""
    turn = (envelope - envelope.mean()) * np.exp(-2j * np.pi * phase)
    length = round(6 * rate)
    shape = np.hanning(length)
    local = np.convolve(turn, shape, mode="same")
    hop = max(1, round(rate / 2))
    knots = np.arange(0, len(phase), hop)
    size = np.abs(local[knots])
    # where little sounds the phase means nothing: bridge it
    sure = knots[size > 0.1 * size.max()]
    if len(sure) < 2:
        return phase
    left = np.unwrap(np.angle(local[sure])) / (2 * np.pi)
    out = phase + np.interp(np.arange(len(phase)), sure, left)
    return out if np.all(np.diff(out) > 0) else phase


def comb(phase: Float64Array, envelope: FloatArray) -> float:
    """How well attacks agree on one place in the pulse: harmonic sum in the phase domain."""
    turn = np.exp(-2j * np.pi * phase)
    turned = (envelope - envelope.mean()) * turn
    total = 0.0
    for weight in HARMONIC_WEIGHTS:
        total += weight * abs(turned.sum())
        # one more turn is the next harmonic
        turned *= turn
    return float(total)


def stands_out(usual: Float64Array, bpm: Float64Array, best: float) -> float:
    """0..1: one less the share that the best unrelated tempo has of the best one's score."""
    ratio = bpm / best
    simple = np.asarray([1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1, 4 / 3, 3 / 2, 2, 3, 4])
    related = np.abs(np.log(ratio[:, None] / simple[None, :])).min(1) < 0.06
    other = usual[~related]
    top = float(usual.max())
    if not len(other) or top <= 0:
        return 0.0
    return float(np.clip(1 - other.max() / top, 0, 1))
