"""A song that plays somewhere else: where it is now, and what is heard there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from phosphene.audio.moment import FrameFeatures, frame_features
from phosphene.audio.types import AudioFeatures
from phosphene.show.live.heard import Heard
from phosphene.show.live.types import BeatAction

MOST_SKIPPED = 12
"""frames of a song between two pictures; more are a jump"""
MOST_FACTOR = 8.0


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
        # the performer's correction: beats per beat found, and seconds by which beats come later
        self._factor, self._shift = 1.0, 0.0
        self._last: int | None = None

    def hear(self, now: float, ahead: float) -> Heard | None:
        """Nothing while the song is paused, before it begins and after its end."""
        clock = self.clock
        time = clock.position_at(now) + ahead * clock.rate
        moment = self.moment(time) if clock.playing else None
        self._last = None if moment is None else moment.frame
        if moment is None:
            return None
        tempo, confidence = self._features.tempo, self._features.tempo_confidence
        return Heard(moment, now, self, tempo * self._factor, confidence, time)

    def moment(self, time: float) -> FrameFeatures | None:
        """What is heard ``time`` seconds into the song; of an attack passed over nothing is lost."""
        features, last = self._features, self._last
        frame = round((time - features.start) * features.fps)
        if not 0 <= frame < features.num_frames:
            return None
        heard = frame_features(features, frame)
        onset = heard.onset
        if last is not None and last < frame <= last + MOST_SKIPPED:
            onset = float(features.onset_strength[last + 1 : frame + 1].max())
        beats = self._beats(time)
        return replace(heard, time=time, onset=onset, beat_position=beats, beat_phase=beats % 1.0)

    def correct(self, action: BeatAction, at: float, seconds: float) -> None:
        """A tap moves the nearest beat to the place in the song that was playing ``at``."""
        if action == "tap":
            beats, speed = (
                self._beats(self.clock.position_at(at)),
                self._factor * self._features.tempo / 60.0,
            )
            self._shift += (beats - round(beats)) / speed if speed > 0 else 0.0
        elif action == "nudge":
            self._shift += seconds
        elif action == "release":
            self._factor, self._shift = 1.0, 0.0
        else:
            factor = self._factor * (2.0 if action == "double" else 0.5)
            self._factor = min(MOST_FACTOR, max(1 / MOST_FACTOR, factor))

    def _beats(self, time: float) -> float:
        """Beat position at ``time`` in the song, between two frames too."""
        features = self._features
        frame = (time - self._shift - features.start) * features.fps
        low = min(max(int(frame), 0), features.num_frames - 1)
        around = features.beat_position[low : low + 2]
        return self._factor * float(np.interp(frame, np.arange(low, low + len(around)), around))
