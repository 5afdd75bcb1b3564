"""The tempo search of live sound: what the last half minute says about the beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phosphene.audio.bands import loud_level
from phosphene.audio.beats import (
    CERTAIN,
    PULSE_RANGE,
    find_accents,
    lay_grid,
    scale_grid,
    sum_accents,
)
from phosphene.audio.metre import SAME, choose_ratio
from phosphene.audio.pulse import DRIFT_STEP, Pulse, find_pulse, harmonic_sum
from phosphene.audio.spectrum import log_flux
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
LEAD = 3.0
"""what a trusted tempo has ahead of its double and its half, natural log of odds"""
APART = 0.2
"""pulses of lateness that are no drift but another song"""


@dataclass(frozen=True, eq=False)
class Past:
    """Spectra of the latest moments."""

    bands: FloatArray
    """(k, bands) amplitude"""
    loudness: FloatArray
    """(k,) amplitude"""
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
    """0..1"""
    outdated: bool
    """True when the latest seconds have another pulse"""


class BandMemory:
    """The last :data:`WINDOW_SECONDS` of spectra, in a ring."""

    def __init__(self, rate: float, centres: FloatArray, origin: float) -> None:
        self._rate = rate
        self._origin = origin
        self._centres = centres
        self._size = round(WINDOW_SECONDS * rate)
        self._bands = np.zeros((self._size, len(centres)), np.float32)
        self._loudness = np.zeros(self._size, np.float32)
        self._moments = 0

    def add(self, bands: FloatArray, loudness: FloatArray) -> None:
        """Append (k, bands) and (k,) moments."""
        where = (self._moments + np.arange(len(bands))) % self._size
        self._bands[where], self._loudness[where] = bands, loudness
        self._moments += len(bands)

    def since(self, begin: float) -> Past:
        """A copy of what is remembered from ``begin`` (seconds on the clock) on."""
        wanted = int((begin - self._origin) * self._rate)
        first = max(wanted, self._moments - self._size, 0)
        where = np.arange(first, self._moments) % self._size
        # the first window ends one step after the origin
        start = self._origin + (first + 1) / self._rate
        return Past(self._bands[where], self._loudness[where], self._centres, self._rate, start)


def search(past: Past, config: AudioConfig, held: Estimate | None, trust: float) -> Estimate | None:
    """The beat of ``past``, or None when nothing can be counted.

    In doubt it is the one ``held``, the more so the larger its ``trust`` (0..1).
    """
    flux = log_flux(past.bands, loud_level(past.loudness))
    accents = find_accents(flux, past.centres)
    envelope = sum_accents(accents)
    pulse = find_pulse(envelope, past.rate, *PULSE_RANGE)
    if pulse is None or pulse.contrast < CERTAIN:
        return None
    usual = held.tempo if held else 0.0
    ratio = choose_ratio(accents, pulse, config.tempo_min, config.tempo_max, usual, trust * LEAD)
    # an anchor of another tempo says nothing about this one
    same = held is not None and abs(pulse.bpm * ratio / held.tempo - 1) < SAME
    anchor = held.anchor - past.begin if held and same else None
    grid = lay_grid(accents, past.rate, pulse, ratio, len(envelope) / past.rate, anchor, trust)
    if len(grid.times) < 4:
        return None
    last = grid.times[-min(len(grid.times), 5) :]
    tempo = grid.tempo if pulse.steady else 60 * (len(last) - 1) / (last[-1] - last[0])
    late = lateness(envelope, past.rate, pulse)
    strong = scale_grid(grid, 0.5, 0.0, np.asarray(accents.sum(1), np.float32), past.rate).times
    return Estimate(
        tempo=float(tempo),
        anchor=past.begin + float(strong[-1]) + CATCH_UP * late * 60 / pulse.bpm,
        confidence=grid.confidence,
        outdated=abs(late) > APART or not agrees(envelope, past.rate, pulse.bpm),
    )


def agrees(envelope: FloatArray, rate: float, bpm: float) -> bool:
    """True when the pulse at ``bpm`` is still among the strong ones in the latest seconds."""
    recent = envelope[-round(RECENT_SECONDS * rate) :]
    if len(envelope) < 1.5 * len(recent) or float(recent.std()) <= 0:
        return True
    low, high = PULSE_RANGE
    tempi = np.geomspace(low, high, int(np.log(high / low) / DRIFT_STEP) + 1)
    score = harmonic_sum(recent, rate, tempi, 0.5)
    near = np.abs(tempi / bpm - 1) < 0.04
    return bool(score[near].max(initial=0.0) >= AGREES * score.max())


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
