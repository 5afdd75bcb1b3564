"""Live loudness: the same measures as :mod:`phosphene.audio.bands`, without knowing the song.

What a whole song tells at once (its loud level, its usual level) is estimated from what was heard
so far and slowly forgotten.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from phosphene.audio import bands
from phosphene.audio.loudness import (
    BEFORE_SECONDS,
    BUILD_SECONDS,
    FULL,
    MOMENTARY_SECONDS,
    to_lufs,
)
from phosphene.audio.types import FloatArray
from phosphene.config import AudioConfig

QUIET = 2.5e-3
"""amplitude under which nothing counts: the hiss of microphones at -60 dBFS"""
REST = 0.01
"""share of the loud level (-40 dB) under which the music counts as resting"""
LOUD_MIN = 8e-3
"""the loud level never sinks under this, so that hiss is never blown up to music"""
BAND_MIN = 2e-3
"""the same for the usual level of a band"""
LOUD_FIRST, LOUD_FIRST_SECONDS = 0.05, 2.0
"""loud level before anything is known, and how fast that is forgotten"""
FORGET_SECONDS = 20.0
"""time constant with which loud passages are forgotten"""
REST_WEIGHT = 0.05
"""a rest counts this little: minutes of it do not make silence loud"""
USUAL_SECONDS = 60.0
AWAY, FALL_SECONDS, BACK_SECONDS = 0.35, 0.8, 0.05
"""share of its full level under which the bass is away, how fast a stroke of it fades, and how long it must
be back"""
TRUST_SECONDS = 2.0
"""how much sound it takes until peaks may reach their full height"""
DECIBELS = (-80.0, 24.0, 0.5)


class LoudLevel:
    """Amplitude of the loud passages: 95th percentile of a histogram that forgets."""

    def __init__(self) -> None:
        self.level = LOUD_FIRST
        self.sounding = 0.0
        """seconds of sound so far, rests left out"""
        self._edges = np.arange(*DECIBELS)
        self._counts = np.zeros(len(self._edges))

    @property
    def rest(self) -> float:
        """Loudness under which the music rests."""
        return max(QUIET, REST * self.level)

    def hear(self, loudness: FloatArray, rate: float) -> None:
        """Take (k,) moments of loudness at ``rate`` Hz."""
        weight = np.where(loudness > self.rest, 1.0, REST_WEIGHT) * (loudness > bands.SILENT)
        self.sounding += float(np.sum(weight == 1.0)) / rate
        if not weight.any():
            return
        self._counts *= np.exp(-weight.sum() / (rate * FORGET_SECONDS))
        decibels = 20 * np.log10(np.maximum(loudness, 1e-9))
        slot = np.searchsorted(self._edges, decibels, side="right") - 1
        np.add.at(self._counts, np.maximum(slot, 0), weight)
        total = np.cumsum(self._counts)
        top = float(np.interp(0.95 * total[-1], total, self._edges + DECIBELS[2]))
        first = LOUD_FIRST * float(np.exp(-self.sounding / LOUD_FIRST_SECONDS))
        self.level = max(10 ** (top / 20), first, LOUD_MIN)


class RelativeLevel:
    """One band over its own long average; 1 is usual. See :func:`bands.relative_loudness`."""

    def __init__(self) -> None:
        self.value = 0.0
        self._smooth = 0.0
        self._average = 0.0
        self._usual = 0.0
        self._age = 0.0

    def hear(
        self, levels: list[float], sounding: list[bool], rate: float, config: AudioConfig
    ) -> None:
        """Take moments of the band's amplitude; averages stand still while nothing sounds."""
        up = bands.decay(config.attack_ms / 1000, rate)
        down = bands.decay(config.release_ms / 1000, rate)
        keep = bands.decay(config.average_seconds, rate)
        keep_usual = bands.decay(USUAL_SECONDS, rate)
        for smooth, counts in zip(
            bands.follow(levels, up, down, self._smooth), sounding, strict=True
        ):
            self._smooth = smooth
            if counts:
                self._age += 1 / rate
                # a plain mean until the average has its length
                young = 1 - 1 / (self._age * rate)
                self._average = smooth + (self._average - smooth) * min(keep, young)
                self._usual = smooth + (self._usual - smooth) * min(keep_usual, young)
        trust = min(1.0, self._age / TRUST_SECONDS)
        most = 1 + (bands.RELATIVE_MAX - 1) * trust
        average = max(self._average, 0.25 * self._usual, BAND_MIN)
        self.value = min(self._smooth / average, most)


class Meter:
    """Momentary loudness, LUFS."""

    def __init__(self, rate: float) -> None:
        self._powers: deque[float] = deque(maxlen=max(1, round(MOMENTARY_SECONDS * rate)))

    @property
    def value(self) -> float:
        """LUFS over the last 0.4 s"""
        size = self._powers.maxlen or 1
        return float(to_lufs(np.asarray(sum(self._powers) / size)))

    def hear(self, loudness: FloatArray) -> None:
        """Take (k,) moments of K-weighted amplitude."""
        self._powers.extend(np.square(loudness, dtype=np.float64).tolist())


class Arc:
    """How far the music has built up, and when it drops: the bass goes away, and comes back."""

    def __init__(self, rate: float) -> None:
        self.build = 0.0
        """0..1: so long has the bass been away, of :data:`BUILD_SECONDS`, while the music goes on"""
        self._rate = rate
        self._full = 0.0
        self._level = 0.0
        self._away = 0.0
        self._here = 0.0
        self._drop = False

    def take_drop(self) -> bool:
        """True once after the music has dropped in."""
        out, self._drop = self._drop, False
        return out

    def hear(self, bass: FloatArray, sounding: bool) -> None:
        """Take (k,) moments of the amplitude of the bass."""
        seconds = len(bass) / self._rate
        now = float(np.sqrt(np.square(bass).mean()))
        # strokes of a drum are apart: up at once, down within a second
        self._level = max(now, self._level * bands.decay(FALL_SECONDS, 1 / seconds))
        self._full = max(self._level, self._full * bands.decay(USUAL_SECONDS, 1 / seconds))
        if self._level < AWAY * self._full:
            self._here = 0.0
            self._away = self._away + seconds if sounding else 0.0
        else:
            self._here += seconds
            if self._here >= BACK_SECONDS:
                self._drop = self._drop or (
                    self._away >= BEFORE_SECONDS and self._level > FULL * self._full
                )
                self._away = 0.0
        self.build = min(self._away / BUILD_SECONDS, 1.0)


class Energy:
    """0..1: loudness against the loud level."""

    def __init__(self) -> None:
        self.value = 0.0

    def hear(self, loudness: FloatArray, loud: float, rate: float, config: AudioConfig) -> None:
        """Take (k,) moments of loudness."""
        share = np.minimum(loudness / loud, 1.0) * (loudness > bands.SILENT)
        up = bands.decay(config.attack_ms / 1000, rate)
        down = bands.decay(config.release_ms / 1000, rate)
        self.value = bands.follow(share.tolist(), up, down, self.value)[-1]
