"""The tempo search of live sound: what the last half minute says about beat and bar."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from phosphene.audio.bands import loud_level
from phosphene.audio.bars import FEWEST, describe_beats, judge_bars, strikes, threes
from phosphene.audio.beats import (
    CERTAIN,
    CLEAR,
    PULSE_RANGE,
    find_accents,
    find_evidence,
    lay_grid,
    odds,
    sum_accents,
)
from phosphene.audio.pulse import (
    DRIFT_STEP,
    Float64Array,
    Pulse,
    Stretch,
    find_pulses,
    harmonic_sum,
)
from phosphene.audio.spectrum import log_flux
from phosphene.audio.tactus import Candidate, find_candidates
from phosphene.audio.types import FloatArray
from phosphene.config import AudioConfig

WINDOW_SECONDS = 24.0
"""how much of the past the tempo is found in"""
SHORTEST_SECONDS = 4.0
"""and the least it takes"""
RECENT_SECONDS = 6.0
"""the latest part, which must still agree with the whole"""
AGREES = 0.6
"""share of the best pulse's score in the latest part that the pulse of the whole must have there"""
LATEST_SECONDS = 4.0
"""the part whose phase is compared with that of the whole window"""
COHERENT = 0.2
"""share of the attacks that must agree on a phase, or it means nothing"""
CATCH_UP = 1.5
"""how much of the lateness is made up for: the latest part lies two seconds back"""
SAME = 0.04
"""share by which tempi differ and are still the same tempo"""
IN_PHASE = 0.2
"""beats by which two estimates may differ and still mean the same beats"""
ABSURD = 8.0
"""natural log of odds by which the best must lead for three beats in the time of two or four to be no way to
count: a leap of the tempo may land near a multiple that nobody plays"""
ENOUGH_BEATS = 32
"""in a window whose bars are as sure as they seem: the weights were fitted to whole pieces"""
HARMONY_STEP = 10
"""moments between two rows of harmony"""


@dataclass(frozen=True, eq=False)
class Past:
    """Spectra and harmony of the latest moments."""

    bands: FloatArray
    """(k, bands) amplitude"""
    loudness: FloatArray
    """(k,) amplitude"""
    chroma: FloatArray
    """(c, 12) amplitude, a row for every :data:`HARMONY_STEP` moments, the first at moment 0"""
    centres: FloatArray
    """(bands,) Hz"""
    rate: float
    """moments per second"""
    begin: float
    """seconds on the clock at which moment 0 is"""


@dataclass(frozen=True)
class Estimate:
    """A tempo and where its beats are."""

    tempo: float
    """BPM at the end of the window"""
    anchor: float
    """seconds on the clock of one of the last beats, a strong one"""
    confidence: float
    """0..1: the chance that this is the tempo people tap"""


@dataclass(frozen=True, eq=False)
class Found:
    """What one search says."""

    best: Estimate
    same: Estimate | None
    """the beats that are held, as they are now; None: they are no way to count this music"""
    lead: float
    """natural log of odds of the best over what is held"""
    chance: float
    """0..1, of the best: tempo and place of the beats"""
    length: float
    """seconds of music the answer is about"""
    outdated: bool = False
    """the latest seconds have another pulse"""
    bars: Float64Array | None = None
    """scores of the ways to bar the beats of ``same``, or else of ``best``; see :mod:`.bars`"""
    first_beat: float = 0.0
    """seconds on the clock of beat 0 of those ways"""
    ternary: float = 0.0
    """how much the beats are parted in three"""


class BandMemory:
    """The last :data:`WINDOW_SECONDS` of spectra, in a ring."""

    def __init__(self, rate: float, centres: FloatArray, origin: float) -> None:
        self._rate = rate
        self._origin = origin
        self._centres = centres
        self._size = round(WINDOW_SECONDS * rate)
        self._bands = np.zeros((self._size, len(centres)), np.float32)
        self._loudness = np.zeros(self._size, np.float32)
        self._chroma = np.zeros((self._size // HARMONY_STEP + 2, 12), np.float32)
        self._moments = 0

    def add(self, bands: FloatArray, loudness: FloatArray) -> None:
        """Append (k, bands) and (k,) moments."""
        where = (self._moments + np.arange(len(bands))) % self._size
        self._bands[where], self._loudness[where] = bands, loudness
        self._moments += len(bands)

    def add_harmony(self, row: FloatArray) -> None:
        """Append the pitch classes (12,) of the latest :data:`HARMONY_STEP` moments."""
        self._chroma[(self._moments // HARMONY_STEP - 1) % len(self._chroma)] = row

    def since(self, begin: float) -> Past:
        """A copy of what is remembered from ``begin`` (seconds on the clock) on."""
        wanted = int((begin - self._origin) * self._rate)
        first = max(wanted, self._moments - self._size, 0)
        # a row is what sounds at the end of its moments; before the first one there is silence
        rows = np.arange(first // HARMONY_STEP - 1, self._moments // HARMONY_STEP)
        rows %= len(self._chroma)
        where = np.arange(first, self._moments) % self._size
        # the first window ends one step after the origin
        start = self._origin + (first + 1) / self._rate
        return Past(
            self._bands[where],
            self._loudness[where],
            self._chroma[rows],
            self._centres,
            self._rate,
            start,
        )


def search(past: Past, config: AudioConfig, held: Estimate | None) -> Found | None:
    """The beat of the music that ends ``past``, or None when nothing can be counted."""
    flux = log_flux(past.bands, loud_level(past.loudness))
    accents = find_accents(flux, past.centres)
    chroma_rate = past.rate / HARMONY_STEP
    chroma = past.chroma if len(past.chroma) else np.zeros((1, 12), np.float32)
    evidence = find_evidence(accents, past.rate, chroma, chroma_rate)
    envelope = sum_accents(evidence)
    parts = find_pulses(envelope, past.rate, *PULSE_RANGE)
    if not parts or parts[-1].pulse.contrast < CERTAIN:
        return None
    part = parts[-1]
    rows, pulse = slice(part.begin, part.end), part.pulse
    ways = find_candidates(evidence[rows], past.rate, pulse, config.tempo_min, config.tempo_max)
    late = lateness(envelope[rows], past.rate, pulse)

    def estimate(way: Candidate) -> Estimate | None:
        beats = past.begin + lay_grid(pulse, way, part.begin, part.begin, past.rate)
        if len(beats) < 4:
            return None
        last = beats[-min(len(beats), 5) :]
        tempo = way.bpm if pulse.steady else 60 * (len(last) - 1) / (last[-1] - last[0])
        chance, _ = odds(ways, way)
        sure = chance * min(1.0, pulse.contrast / CLEAR)
        # of two beats in a row the one with the kick is the one that half the tempo keeps
        kick = strikes(evidence, past.rate, beats[-8:] - past.begin)[:, 0]
        strong = beats[-1] if kick[1::2].sum() >= kick[::2].sum() or len(kick) % 2 else beats[-2]
        anchor = float(strong) + CATCH_UP * late * 60 / pulse.bpm
        return Estimate(float(tempo), anchor, sure)

    best = estimate(ways[0])
    if best is None:
        return None
    same, lead, way = None, 0.0, ways[0]
    for other in ways if held else []:
        octave = math.log2(other.bpm / ways[0].bpm)
        if ways[0].score - other.score > ABSURD and abs(octave - round(octave)) > SAME:
            continue
        near = estimate(other)
        if held is not None and near is not None and same_beats(held, near):
            same, lead, way = near, ways[0].score - other.score, other
            break
    chance = 1 / sum(math.exp(way.score - ways[0].score) for way in ways)
    found = Found(
        best,
        same,
        lead,
        chance,
        (part.end - part.begin) / past.rate,
        not agrees(envelope[rows], past.rate, pulse),
    )
    return add_bars(found, evidence, past, chroma, part, way)


def add_bars(
    found: Found,
    evidence: FloatArray,
    past: Past,
    chroma: FloatArray,
    part: Stretch,
    way: Candidate,
) -> Found:
    """``found`` with what the window says about bars."""
    beats = lay_grid(part.pulse, way, part.begin, part.begin, past.rate)
    # the last beat has not sounded to its end, and the harmony after it is not known yet
    beats = beats[(beats >= 0) & (beats < len(evidence) / past.rate - 0.5)]
    if len(beats) < FEWEST:
        return found
    chroma_rate = past.rate / HARMONY_STEP
    rows, pattern = describe_beats(evidence, past.rate, past.loudness, chroma, chroma_rate, beats)
    ternary = threes(evidence, past.rate, beats)
    scores = judge_bars(rows, pattern, ternary, way.bpm) * min(1.0, len(beats) / ENOUGH_BEATS)
    return replace(found, bars=scores, first_beat=past.begin + float(beats[0]), ternary=ternary)


def agrees(envelope: FloatArray, rate: float, pulse: Pulse) -> bool:
    """True when ``pulse``, as fast as it has become, is still among the strong ones in the latest seconds."""
    count = round(RECENT_SECONDS * rate)
    recent = envelope[-count:]
    if len(envelope) < 1.5 * len(recent) or float(recent.std()) <= 0:
        return True
    bpm = float(pulse.phase[-1] - pulse.phase[-count]) / (count - 1) * 60 * rate
    low, high = PULSE_RANGE
    tempi = np.geomspace(low, high, int(np.log(high / low) / DRIFT_STEP) + 1)
    score = harmonic_sum(recent, rate, tempi, 0.5)
    near = np.abs(tempi / bpm - 1) < 0.04
    return bool(score[near].max(initial=0.0) >= AGREES * score.max())


def same_beats(one: Estimate, other: Estimate) -> bool:
    """True when both count the same beats."""
    if abs(one.tempo / other.tempo - 1) > SAME:
        return False
    off = (other.anchor - one.anchor) * other.tempo / 60
    return abs(math.remainder(off, 1.0)) < IN_PHASE


def lateness(envelope: FloatArray, rate: float, pulse: Pulse) -> float:
    """Pulses by which the latest attacks are later than those of the whole window, -0.5..0.5.

    0 where the attacks do not agree on a place in the pulse.
    """
    count = round(LATEST_SECONDS * rate)
    if len(envelope) < 1.5 * count:
        return 0.0
    centred = envelope - envelope.mean()
    turn = centred * np.exp(-2j * np.pi * pulse.phase)
    latest = turn[-count:].mean()
    if abs(latest) < COHERENT * np.abs(centred[-count:]).mean():
        return 0.0
    return -float(np.angle(latest / turn.mean())) / (2 * np.pi)
