"""Hearing live: from a stream of sound to what is heard now, whenever it is asked."""

from __future__ import annotations

import math
from threading import RLock

import numpy as np

from phosphene.audio.live_beats import LiveBeats
from phosphene.audio.live_ear import PULL_SECONDS, Ear
from phosphene.audio.live_inlet import check_sound
from phosphene.audio.moment import FrameFeatures
from phosphene.audio.types import FloatArray
from phosphene.config import AudioConfig
from phosphene.errors import InputError


class LiveAnalyzer:
    """Hears an endless stream of sound. Nothing it says uses sound that has not come yet.

    Sound comes in with :meth:`feed`, in chunks of any size and rate; :meth:`moment` says what is
    heard. Both may be called from different threads. The same sound gives the same moments however
    it is cut into chunks. Memory does not grow. Live sound is always heard by the NumPy analysis,
    whatever ``config.backend`` says about songs.
    """

    def __init__(self, config: AudioConfig) -> None:
        self._config = config.model_copy()
        self._ear = Ear(self._config)
        self._beats = LiveBeats()
        self._guard = RLock()
        self._frame = 0
        self._shown = 0.0
        self._position = 0.0

    @property
    def time(self) -> float:
        """The clock: seconds of sound heard so far."""
        return self._ear.time

    @property
    def tempo(self) -> float:
        """Beats per minute as counted, taps and scale included; 0: nothing to count."""
        with self._guard:
            return self._beats.tempo(self._config)

    @property
    def confidence(self) -> float:
        """0..1: how sure the tempo is; 1 when it is tapped."""
        with self._guard:
            return self._beats.confidence(self.time)

    @property
    def tapped(self) -> bool:
        """Whether the performer's taps lead."""
        return self._beats.hands.tapped is not None

    def feed(self, samples: FloatArray, rate: int) -> None:
        """Hear mono ``samples`` (n,), float, at ``rate`` Hz; what is not a number is silent.

        Raises :class:`InputError` for other shapes and types, and for impossible rates.
        """
        given = np.asarray(samples)
        check_sound(given, rate)
        with self._guard:
            step = int(PULL_SECONDS * rate)
            for begin in range(0, len(given), step):
                self._ear.inlet.put(given[begin : begin + step], rate)
                if self._ear.inlet.waiting >= PULL_SECONDS / 4:
                    self._listen()

    def moment(self, ahead: float = 0.0) -> FrameFeatures:
        """What is heard now. Time and beats are those of ``ahead`` seconds past the last sample.

        ``ahead`` is how much later the frame is shown than the last sample was heard; time and beats
        never run backwards when it shrinks. ``onset`` is the strongest since the last call.
        Raises :class:`InputError` when ``ahead`` is not finite.
        """
        if not math.isfinite(ahead):
            raise InputError(f"{ahead} is not a length of time: look ahead by seconds.")
        with self._guard:
            self._listen()
            ear = self._ear
            self._shown = max(self._shown, ear.time + ahead)
            before = self._position
            self._position = max(before, self._beats.clock.position(self._shown))
            bass, mid, treble = (band.value for band in ear.bands)
            bars = self._beats.bars
            downbeat = bars.go(self._position)
            kick, snare, hat = ear.take_drums()
            out = FrameFeatures(
                frame=self._frame,
                time=self._shown,
                fps=self._config.fps,
                energy=ear.energy.value,
                onset=ear.take_onset(),
                bass=bass,
                mid=mid,
                treble=treble,
                centroid=ear.centroid,
                beat_phase=self._position % 1.0,
                beat_position=self._position,
                is_beat=math.floor(self._position) > math.floor(before),
                section=ear.sections.count,
                chroma=np.array(ear.chroma.value),
                downbeat=downbeat,
                bar_position=bars.position,
                bar=bars.bar,
                beats_per_bar=bars.length,
                metre=bars.metre,
                phrase=bars.phrase,
                kick=kick,
                snare=snare,
                hat=hat,
                percussive=ear.percussive,
                harmonic=ear.harmonic,
                brightness=ear.brightness,
                loudness=ear.meter.value,
                build=ear.arc.build,
                drop=ear.arc.take_drop(),
                off_beat=self._beats.off_beat(ear.struck, self._config),
            )
            self._frame += 1
            return out

    def tap(self, time: float) -> None:
        """The performer taps the beat at ``time`` on the analyzer's clock.

        Four taps set tempo and phase and hold them until :meth:`release`; more make them finer.
        """
        with self._guard:
            if self._beats.hands.tap(time):
                self._beats.tapped(max(self.time, self._shown), self._config)

    def scale(self, factor: float) -> None:
        """Count twice (2.0) or half (0.5) as fast."""
        with self._guard:
            self._beats.hands.multiply(factor)
            self._steer()

    def nudge(self, seconds: float) -> None:
        """Move the beats later (+) or earlier (-), on top of ``config.beat_offset_ms``."""
        with self._guard:
            self._beats.hands.nudge(seconds)
            self._steer()

    def release(self) -> None:
        """Forget taps, scale and nudges: follow the sound again."""
        with self._guard:
            self._beats.hands.release()
            self._steer()

    def configure(self, config: AudioConfig) -> None:
        """Go on with other settings. A new ``sample_rate`` starts the listening afresh."""
        with self._guard:
            self._listen()
            old, self._config = self._config, config.model_copy()
            if config.sample_rate != old.sample_rate:
                self._ear = Ear(self._config, self._ear.time, self._ear.sections.count)
            beat = ("tempo_multiplier", "beat_offset_ms")
            if any(getattr(old, name) != getattr(config, name) for name in beat):
                self._steer()

    def _listen(self) -> None:
        ear = self._ear
        for now in ear.listen(self._config):
            self._beats.hear(now, self._shown, ear.sounded, ear.memory, self._config)

    def _steer(self) -> None:
        self._beats.steer(max(self.time, self._shown), self._config)
