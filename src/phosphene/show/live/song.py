"""A song that plays somewhere else: where it is now, and what is heard there."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from phosphene.audio.live_hands import Hands
from phosphene.audio.moment import FrameFeatures, between_beats, frame_features, strongest, struck
from phosphene.audio.types import AudioFeatures
from phosphene.show.live.feature_frame import FeatureFrame
from phosphene.show.live.types import BeatAction, BeatFrom

MOST_SKIPPED = 12
"""frames of a song between two pictures; more are a jump"""
SAME_TEMPO = 0.08
"""share by which taps may differ from the song's own tempo, or an octave of it, and still mean that"""


@dataclass(frozen=True)
class SongClock:
    """The player said: at monotonic time ``at`` the song was at ``position`` seconds."""

    position: float = 0.0
    playing: bool = False
    rate: float = 1.0
    lead: float = 0.0
    """seconds by which the picture runs ahead, to be on time where it is seen"""
    at: float = 0.0

    def position_at(self, now: float) -> float:
        """Seconds in the song at monotonic time ``now``, without the lead."""
        return self.position + (now - self.at) * self.rate if self.playing else self.position


class Song:
    """The features of a song at the place where it is played."""

    def __init__(self, features: AudioFeatures) -> None:
        self._features = features
        self.clock = SongClock()
        # the performer's word: taps are told in seconds of the song
        self._hands = Hands()
        self._last: int | None = None

    def hear(self, now: float, ahead: float) -> FeatureFrame | None:
        """Nothing while the song is paused, before it begins and after its end."""
        clock = self.clock
        time = clock.position_at(now) + ahead * clock.rate
        moment = self.moment(time) if clock.playing else None
        self._last = None if moment is None else moment.frame
        if moment is None:
            return None
        by: BeatFrom = "song" if self._hands.tapped is None else "hand"
        return FeatureFrame(moment, now, self, self.tempo, self.confidence, time, beat_from=by)

    @property
    def tempo(self) -> float:
        """Beats per minute, as the performer wants them; 0 without a beat."""
        tapped = self._hands.tapped
        return self._hands.scale * (self._features.tempo if tapped is None else tapped.tempo)

    @property
    def confidence(self) -> float:
        """0..1, of the tempo."""
        return self._features.tempo_confidence if self._hands.tapped is None else 1.0

    def moment(self, time: float) -> FrameFeatures | None:
        """What is heard ``time`` seconds into the song; of an attack passed over nothing is lost."""
        features, last = self._features, self._last
        frame = round((time - features.start) * features.fps)
        if not 0 <= frame < features.num_frames:
            return None
        heard, loudest = frame_features(features, frame), frame
        if last is not None and last < frame <= last + MOST_SKIPPED:
            loudest = strongest(features, last + 1, frame)
        beats = self._beats(time)
        return replace(
            heard,
            time=time,
            onset=float(features.onset_strength[loudest]),
            off_beat=self._off_beat(features.time_of(struck(features, loudest))),
            beat_position=beats,
            beat_phase=beats % 1.0,
        )

    def _off_beat(self, time: float) -> float:
        """0..1 how far between two beats an attack ``time`` seconds into the song is."""
        hands = self._hands
        counted = self._features.tempo_at(time) if hands.tapped is None else hands.tapped.tempo
        # how late beats are wanted is not how late they sound
        return between_beats(self._beats(time + hands.shift), hands.scale * counted)

    def correct(self, action: BeatAction, at: float, seconds: float) -> None:
        """A tap moves the nearest beat to the place that was heard ``at``; four make the tempo, too."""
        hands = self._hands
        if action == "tap":
            self._tap(self.clock.position_at(at))
        elif action == "nudge":
            hands.nudge(seconds)
        elif action == "release":
            hands.release()
        else:
            hands.multiply(2.0 if action == "double" else 0.5)

    def _tap(self, time: float) -> None:
        hands = self._hands
        shift = hands.shift
        if hands.tap(time) and hands.tapped is not None:
            # taps at the song's own pace, or at twice or half of it, keep to its beats: those do not drift
            octave = self._octave(hands.tapped.tempo)
            if octave is None:
                return
            hands.tapped, hands.scale, hands.shift = None, octave, shift
        beats, speed = self._beats(time), self.tempo / 60.0
        if speed > 0:
            hands.shift += (beats - round(beats)) / speed

    def _octave(self, tempo: float) -> float | None:
        """2 or 0.5 (or further) where ``tempo`` is an octave of the song's own; None for another one."""
        if self._features.tempo <= 0:
            return None
        ratio = tempo / self._features.tempo
        octave = float(2.0 ** round(math.log2(ratio)))
        return octave if abs(ratio / octave - 1.0) < SAME_TEMPO else None

    def _beats(self, time: float) -> float:
        """Beat position at ``time`` in the song, between two frames too."""
        features, hands = self._features, self._hands
        time -= hands.shift
        if hands.tapped is not None:
            return hands.scale * (time - hands.tapped.anchor) * hands.tapped.tempo / 60.0
        frame = (time - features.start) * features.fps
        low = min(max(int(frame), 0), features.num_frames - 1)
        around = features.beat_position[low : low + 2]
        return hands.scale * float(np.interp(frame, np.arange(low, low + len(around)), around))
