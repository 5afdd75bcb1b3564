"""What live sound is like now: loudness, bands, attacks, harmony, sections; all but the beat."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from phosphene.audio.chroma import (
    AUDIBLE_PEAK,
    PRESENT,
    PitchAnalysis,
    fold_pitches,
    normalise,
    tuning,
    tuning_turn,
)
from phosphene.audio.drums import LEAST, brightness, drum_flux, split_sustained
from phosphene.audio.live_inlet import Inlet
from phosphene.audio.live_levels import Arc, Energy, LoudLevel, Meter, RelativeLevel
from phosphene.audio.live_onsets import LiveOnsets
from phosphene.audio.live_search import BandMemory
from phosphene.audio.sections import STEP, scale_rows
from phosphene.audio.spectrum import SpectrumAnalysis, log_flux
from phosphene.audio.types import FloatArray
from phosphene.config import AudioConfig

BLOCK = 10
"""moments after which the slow measures are brought up to date: a tenth of a second"""
FLUX_LAG = 2
"""moments over which attacks rise, as in :func:`log_flux`"""
TAIL = 16
"""moments that are kept of the last hearing: as long as what sounds on must sound"""
DRUM_HEIGHTS = (1.0,) * 4
"""rise of a drum's bands that is a full stroke before any was heard"""
PULL_SECONDS = 0.2
"""most sound that is taken in before it is heard"""
TUNING_SECONDS = 20.0
"""time constant with which the tuning of what was heard is forgotten"""
MEMORY_SECONDS = 60.0
"""span over which the description is scaled"""
BEFORE_SECONDS = 10.0
AFTER_SECONDS = 2.0
"""what is compared: a change is reported about so long after it happened"""
SHORTEST_SECONDS = 8.0
"""seconds a section lasts at least"""
LEAST_CHANGE = (0.66, 0.42)
"""difference that makes a section, at a sensitivity of 0, and how much less it is at 1: at 0.5 recorded
songs change about where the analysis of the whole song says so"""


class LiveSections:
    """Counts changes of harmony, timbre and loudness that last."""

    def __init__(self, count: int = 0) -> None:
        self.count = count
        rows = round(MEMORY_SECONDS / STEP)
        self._timbre: deque[FloatArray] = deque(maxlen=rows)
        self._harmony: deque[FloatArray] = deque(maxlen=rows)
        self._age = 0

    def hear(
        self, timbre: FloatArray, harmony: FloatArray, loud: float, sensitivity: float
    ) -> None:
        """Take means over :data:`STEP` seconds of band amplitudes (b,) and pitch classes (12,)."""
        self._timbre.append(timbre)
        self._harmony.append(harmony)
        self._age += 1
        if sensitivity > 0 and self._age * STEP >= SHORTEST_SECONDS:
            rows = scale_rows(np.stack(self._timbre), np.stack(self._harmony), loud)
            if change(rows) > LEAST_CHANGE[0] - LEAST_CHANGE[1] * sensitivity:
                self.count += 1
                self._age = 0


def change(rows: FloatArray) -> float:
    """0..1: how different the last rows (k, d) are from those before, in units of their spread."""
    after = rows[-round(AFTER_SECONDS / STEP) :]
    before = rows[-round((BEFORE_SECONDS + AFTER_SECONDS) / STEP) : -len(after)]
    gap = float(np.square(after.mean(0) - before.mean(0)).sum())
    spread = float(before.var(0).sum())
    return gap / (gap + 2 * spread + 0.05)


class LiveChroma:
    """Pitch classes of one window after another."""

    def __init__(self, rate: int) -> None:
        self._find = PitchAnalysis(rate)
        self.length = self._find.length
        """samples in a window"""
        self.value: FloatArray = np.zeros(12, np.float32)
        """(12,) C to B, the largest is 1, or all 0 when there is no harmony"""
        self.strength: FloatArray = np.zeros(12, np.float32)
        """(12,) the same as amplitudes"""
        self._turn = 0j
        self._weight = 0.0

    def hear(self, window: FloatArray, loud: float, seconds: float) -> None:
        """Take the window (1, length) that ends now, ``seconds`` after the last one."""
        row, pitch, strength = self._find(window, loud * AUDIBLE_PEAK)
        keep = float(np.exp(-seconds / TUNING_SECONDS))
        self._turn = self._turn * keep + tuning_turn(pitch, strength)
        self._weight = self._weight * keep + float(strength.sum())
        folded = fold_pitches(row, pitch - tuning(self._turn, self._weight), strength, 1)
        self.strength = folded[0]
        self.value = normalise(folded, PRESENT * loud)[0]


class Ear:
    """Listens in blocks that end at fixed moments, however the sound arrives."""

    def __init__(self, config: AudioConfig, origin: float = 0.0, sections: int = 0) -> None:
        rate = config.sample_rate
        self._origin = origin
        self._spectrum = SpectrumAnalysis(rate)
        self.rate = self._spectrum.frame_rate
        """moments a second"""
        self.chroma = LiveChroma(rate)
        self.inlet = Inlet(rate, self.chroma.length + round(2 * PULL_SECONDS * rate))
        self.loud = LoudLevel()
        self.energy = Energy()
        self.bands = (RelativeLevel(), RelativeLevel(), RelativeLevel())
        self.onsets = LiveOnsets(self.rate)
        self.drums = tuple(LiveOnsets(self.rate, DRUM_HEIGHTS, LEAST) for _ in range(3))
        self.meter = Meter(self.rate)
        self.arc = Arc(self.rate)
        self.percussive = self.harmonic = 0.0
        """0..1 loudness of what is struck, and of what sounds on"""
        self.brightness = 0.0
        """0..1"""
        self.sections = LiveSections(sections)
        self.centroid = 0.0
        """Hz; 0 while nothing sounds"""
        self.memory = BandMemory(self.rate, self._spectrum.centres, origin)
        self.sounded = origin
        """when something last sounded, seconds on the clock"""
        self._moments = 0
        self._onset = 0.0
        self._strokes = [0.0, 0.0, 0.0]
        self._tail = np.zeros((TAIL, len(self._spectrum.centres)), np.float32)
        self._loudness: list[FloatArray] = []
        self._timbre: list[FloatArray] = []
        self._harmony: list[FloatArray] = []

    @property
    def time(self) -> float:
        """The clock: seconds of sound taken in so far."""
        return self._origin + self.inlet.seconds

    def take_onset(self) -> float:
        """Strongest onset 0..1 since the last call, so that none falls between two frames."""
        strongest, self._onset = max(self._onset, self.onsets.value), 0.0
        return strongest

    @property
    def struck(self) -> float:
        """When the attack began that is heard, on the clock."""
        return self._origin + (self._moments - self.onsets.since) / self.rate

    def take_drums(self) -> tuple[float, float, float]:
        """The same for kick, snare and hats."""
        kick, snare, hat = (
            max(past, drum.value) for past, drum in zip(self._strokes, self.drums, strict=True)
        )
        self._strokes = [0.0, 0.0, 0.0]
        return kick, snare, hat

    def listen(self, config: AudioConfig) -> Iterator[float]:
        """Hear all that has come in; yields the time at the end of every full block."""
        self.inlet.pull()
        while (ready := self.inlet.total // self._spectrum.hop - self._moments) > 0:
            self._hear(min(ready, BLOCK - self._moments % BLOCK), config)
            if self._moments % BLOCK == 0:
                self._settle(config)
                yield self._origin + self._moments / self.rate

    def _hear(self, count: int, config: AudioConfig) -> None:
        spectrum, rate, loud = self._spectrum, self.rate, self.loud.level
        frames = self.inlet.frames(self._moments + 1, count, spectrum.hop, spectrum.length)
        heard = spectrum(frames)
        self._moments += count
        sounding = heard.loudness > self.loud.rest
        if sounding.any():
            last = int(np.flatnonzero(sounding)[-1])
            self.sounded = self._origin + (self._moments - count + last + 1) / rate
        self.centroid = float(heard.centroid[-1]) if sounding[-1] else 0.0
        for band, levels in zip(self.bands, heard.levels.T, strict=True):
            band.hear(levels.tolist(), sounding.tolist(), rate, config)
        self.energy.hear(heard.loudness, loud, rate, config)
        bands = np.concatenate((self._tail, heard.log_bands))
        rises = log_flux(bands[-count - FLUX_LAG - 1 :], loud, FLUX_LAG)
        flux = rises[-count:].sum(1) * sounding
        self._onset = max(self._onset, self.onsets.hear(flux.tolist()))
        strokes = drum_flux(rises, self._spectrum.centres)[-count:] * sounding[:, None]
        for index, drum in enumerate(self.drums):
            top = drum.hear(strokes[:, index].tolist())
            self._strokes[index] = max(self._strokes[index], top)
        apart = split_sustained(heard.log_bands, rate, loud, self._tail)
        self.percussive, self.harmonic = float(apart[:, 0].mean()), float(apart[-1, 1])
        self.brightness = float(brightness(np.asarray(self.centroid)))
        self.meter.hear(heard.loudness)
        self.arc.hear(heard.levels[:, 0], bool(sounding.any()))
        self._tail = bands[-TAIL:]
        self.memory.add(heard.log_bands, heard.loudness)
        self._loudness.append(heard.loudness)
        self._timbre.append(heard.log_bands)

    def _settle(self, config: AudioConfig) -> None:
        """Bring the slow measures up to date at the end of a block."""
        self.loud.hear(np.concatenate(self._loudness), self.rate)
        self._loudness.clear()
        seconds = BLOCK / self.rate
        window = self.inlet.frames(self._moments, 1, self._spectrum.hop, self.chroma.length)
        self.chroma.hear(window, self.loud.level, seconds)
        self._harmony.append(self.chroma.strength)
        self.memory.add_harmony(self.chroma.strength)
        if len(self._harmony) * seconds >= STEP - 0.5 * seconds:
            timbre = np.concatenate(self._timbre).mean(0)
            harmony = np.mean(self._harmony, axis=0)
            # silence is no section: the music goes on where it left off
            if self._origin + self._moments / self.rate - self.sounded < STEP:
                self.sections.hear(timbre, harmony, self.loud.level, config.section_sensitivity)
            self._timbre.clear()
            self._harmony.clear()
