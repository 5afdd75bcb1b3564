"""What a session hears: whatever it was told to listen to, and itself where that is silent."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from phosphene.config import AudioConfig
from phosphene.errors import InputError
from phosphene.show.live.dream import Dream
from phosphene.show.live.feature_frame import Ear, FeatureFrame
from phosphene.show.live.outer import BEAT_ORDER, Outer, OuterBeat
from phosphene.show.live.song import Song, SongClock
from phosphene.show.live.sound import Chunk, Sound
from phosphene.show.live.types import BeatAction, Source

LISTENING = ("sound", "soundcard")


class AudioInput:
    """Turns to any source at any moment. :meth:`hear` belongs to one thread, the rest to all."""

    def __init__(self, config: AudioConfig, now: float) -> None:
        self._config = config
        self._source = Source()
        self._clock = SongClock()
        self._dream = Dream(now)
        # while a song is paused, at the song's pace: the dream keeps its own
        self._pause = Dream(now)
        self._ear: Ear = self._dream
        self._last: Ear = self._dream
        self._corrections: deque[tuple[BeatAction, float, float]] = deque(maxlen=64)
        self._told: deque[OuterBeat] = deque(maxlen=64)
        self._outer: dict[str, Outer] = {}
        self._leader: Outer | None = None

    def use(self, source: Source) -> None:
        """Listen to ``source`` from now on. Raises InputError for a song without features."""
        if source.hear == "song" and source.features is None:
            raise InputError("this song has not been heard yet: analyse it first.")
        before, self._source = self._source, source
        if (source.hear, source.features) != (before.hear, before.features):
            self._listen()

    def configure(self, config: AudioConfig) -> None:
        """Listen with other settings."""
        self._config = config
        if isinstance(self._ear, Sound):
            self._ear.configure(config)

    def sound(self, chunk: Chunk) -> None:
        """More sound; without a listener it is forgotten."""
        if isinstance(self._ear, Sound):
            self._ear.put(chunk)

    def clock(self, clock: SongClock) -> None:
        """Where the song is, and by how much pictures are to run ahead."""
        self._clock = clock
        if isinstance(self._ear, Song):
            self._ear.clock = clock

    def beat(self, action: BeatAction, at: float, seconds: float) -> None:
        """A correction of the beat, made before the next moment."""
        self._corrections.append((action, at, seconds))

    def follow(self, beat: OuterBeat) -> None:
        """Another program counts beats; they lead unless a hand does."""
        self._told.append(beat)

    def _follow(self, beat: OuterBeat) -> None:
        known = self._outer.get(beat.source)
        if known is None or not known.leads:
            # who comes back begins afresh
            self._outer[beat.source] = Outer(beat)
        else:
            known.beat = beat

    def hear(self, now: float, offset: float = 0.0) -> FeatureFrame:
        """What the picture made at monotonic ``now`` is about, ``offset`` seconds later than usual.

        Raises :class:`~phosphene.errors.InputError` for sound that cannot be heard; it is dropped.
        """
        ear, ahead = self._ear, self._clock.lead - offset
        while self._corrections:
            action, at, seconds = self._corrections.popleft()
            if self._leader is not None:
                self._leader.correct(action, at, seconds)
            # four taps make a hand the leader, whoever was
            if self._leader is None or action in ("tap", "release"):
                self._last.correct(action, at, seconds)
        while self._told:
            self._follow(self._told.popleft())
        heard = ear.hear(now, ahead)
        if heard is None:
            if isinstance(ear, Song):
                self._pause.follow(ear.tempo, now)
                heard = replace(
                    self._pause.hear(now, ahead),
                    position=ear.clock.position_at(now),
                    confidence=ear.confidence,
                )
            else:
                heard = self._dream.hear(now, ahead)
        # a song that is only paused is still the one that the performer means
        self._last = ear if isinstance(ear, Song) else heard.origin
        heard = replace(heard, at=now + ahead)
        self._leader = None if heard.beat_from == "hand" else self._first()
        if self._leader is None:
            return heard
        silent = isinstance(heard.origin, Dream)
        return self._leader.lead(heard, now, ahead, self._config, silent)

    def _first(self) -> Outer | None:
        """The first of the other programs that counts."""
        return next(
            (self._outer[s] for s in BEAT_ORDER if s in self._outer and self._outer[s].leads), None
        )

    def pulse(self, now: float) -> tuple[float, float]:
        """Tempo of the show's own beat, and the beats counted by ``now``."""
        return self._dream.tempo, self._dream.beats(now)

    def set_pulse(self, tempo: float, beats: float, now: float) -> None:
        """Go on from another one's :meth:`pulse`."""
        self._dream.set_pulse(tempo, beats, now)

    def _listen(self) -> None:
        source = self._source
        if source.features is not None and source.hear == "song":
            # the clock told of another song
            self._clock = SongClock(lead=self._clock.lead)
            self._ear = Song(source.features)
        else:
            self._ear = Sound(self._config) if source.hear in LISTENING else self._dream
