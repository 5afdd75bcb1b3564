"""A show that was written down: what was heard and what hands did, at the times they did it."""

from __future__ import annotations

import math
import wave
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from phosphene.audio.types import AudioFeatures, FloatArray
from phosphene.config import PipelineConfig
from phosphene.errors import InputError
from phosphene.show.changes import with_values
from phosphene.show.live.audio_input import LISTENING, AudioInput
from phosphene.show.live.outer import OuterBeat
from phosphene.show.live.pictures import decode_picture
from phosphene.show.live.song import SongClock
from phosphene.show.live.sound import Chunk
from phosphene.show.live.types import Source as Listening
from phosphene.show.score import Change, Score
from phosphene.show.sources.moments import Given, Picture
from phosphene.video.clip import opened
from phosphene.video.spec import Size


class ScoreSource:
    """Plays a score to the very audio input that a live show has, on a clock of its own.

    ``config`` is what the show begins with, completed by the model; ``songs`` are features by hash;
    ``sound`` is the WAV that a microphone heard, ``pictures`` what a camera saw, given at ``size``.
    """

    def __init__(
        self,
        score: Score,
        config: PipelineConfig,
        songs: Mapping[str, AudioFeatures],
        fps: float,
        sound: Path | None = None,
        pictures: Path | None = None,
        size: Size | None = None,
    ) -> None:
        self.fps = fps
        self.num_frames = max(1, math.ceil(round(score.seconds * fps, 6)))
        # a performer's hands may move them
        self.beat_frames: tuple[int, ...] = ()
        self.state = score.state
        self._score = score
        self._begin = config
        self._songs = songs
        self._sound = None if sound is None else read_wav(sound)
        self._pictures = pictures
        self._size = size or (config.inference.width, config.inference.height)
        self._given: PipelineConfig | None
        self._audio_input: AudioInput
        self._controllers: dict[str, float]
        self._origin: object | None
        self._left: int
        self._next: int
        self._heard: int
        self._rewind()

    def at(self, frame: int) -> Given:
        """What there is for ``frame``, the one after the last."""
        given = self._pass(frame)
        picture = self._film.at(frame / self.fps) if self._sees and self._film else None
        return given if picture is None else replace(given, picture=picture)

    def _pass(self, frame: int) -> Given:
        """The same without its picture."""
        if frame != self._next:
            raise ValueError(f"expected frame {self._next}, not {frame}")
        self._next += 1
        now = frame / self.fps
        scenes = 0
        while self._left < len(self._score.changes):
            change = self._score.changes[self._left]
            if change.at > now:
                break
            self._left += 1
            scenes += change.scene is not None
            self._apply(change)
        self._listen(now)
        heard = self._audio_input.hear(now, self._config.live.latency_offset_ms / 1e3)
        same, self._origin = self._origin in (None, heard.origin), heard.origin
        return Given(
            heard.moment,
            position=heard.position,
            same=same,
            scenes=scenes,
            controllers=self._controllers,
            config=self._news(),
        )

    def seek(self, frame: int) -> None:
        """Hear all that comes before ``frame``, without drawing it."""
        if frame < self._next:
            self._rewind()
        while self._next < frame:
            self._pass(self._next)
        # whoever goes on here was not told what changed before
        self._given = None

    def _news(self) -> PipelineConfig | None:
        """The settings, where they are others than those that were given last."""
        given, self._given = self._given, self._config
        return None if self._config is given else self._config

    def _rewind(self) -> None:
        self._config = self._begin
        self._given = None
        self._audio_input = AudioInput(self._config.audio, 0.0)
        self._controllers = {}
        self._origin = None
        self._left = self._next = self._heard = 0
        self._hears = self._sees = False
        self._film = None if self._pictures is None else Film(self._pictures, self._size)

    def _apply(self, change: Change) -> None:
        """What a session does when it is told the same."""
        audio_input = self._audio_input
        if change.set is not None:
            audio = self._config.audio
            self._config = with_values(self._config, change.set)
            if self._config.audio is not audio:
                audio_input.configure(self._config.audio)
        if change.source is not None:
            source = change.source
            features = None if source.song is None else self._songs.get(source.song)
            audio_input.use(Listening(source.hear, source.see, features))
            self._hears, self._sees = source.hear in LISTENING, source.see
            if self._film is not None:
                self._film.begin(change.at)
        if change.clock is not None:
            clock = change.clock
            at = SongClock(clock.position, clock.playing, clock.rate, clock.lead, change.at)
            audio_input.clock(at)
        if change.beat is not None:
            audio_input.beat(change.beat.action, change.at - change.beat.ago, change.beat.seconds)
        if change.tempo is not None:
            told = change.tempo
            beat = OuterBeat(told.source, told.tempo, told.beats, change.at, told.bar, told.running)
            audio_input.follow(beat)
        if change.pulse is not None:
            audio_input.set_pulse(change.pulse.tempo, change.pulse.beats, change.at)
        if change.controllers is not None:
            # replaced, for somebody may still hold the last ones
            self._controllers = {**self._controllers, **change.controllers}

    def _listen(self, now: float) -> None:
        """Give what the microphone heard until ``now``."""
        if self._sound is None:
            return
        samples, rate = self._sound
        end = min(len(samples), round(now * rate))
        if self._hears and end > self._heard:
            self._audio_input.sound(Chunk(samples[self._heard : end], rate, end / rate))
        self._heard = max(self._heard, end)


class Film:
    """Compressed pictures of a file at their times; those that cannot be decoded are passed over.

    What a kill cut off is played as far as it goes. Raises :class:`InputError` for what is no film.
    """

    def __init__(self, path: Path, size: Size) -> None:
        self._size = size
        self._coming = _packets(path)
        self._next = next(self._coming, None)
        self._since = 0.0
        self._newest: bytes | None = None
        self._shown: Picture | None = None

    def begin(self, time: float) -> None:
        """Show nothing that was taken before ``time``."""
        self._since, self._newest, self._shown = time, None, None

    def at(self, time: float) -> Picture | None:
        """The last picture taken by then, uint8 RGB at the size; None before the first."""
        while self._next is not None and self._next[0] <= time:
            if self._next[0] >= self._since:
                self._newest = self._next[1]
            self._next = next(self._coming, None)
        if self._newest is not None:
            with suppress(InputError):
                self._shown = decode_picture(self._newest, self._size)
            self._newest = None
        return self._shown


def _packets(path: Path) -> Iterator[tuple[float, bytes]]:
    """Seconds and bytes of each picture."""
    with opened(path) as container:
        if not container.streams.video:
            raise InputError(f"{path} holds no pictures.")
        with suppress(av.error.FFmpegError):
            for packet in container.demux(video=0):
                if packet.size and packet.pts is not None:
                    yield float(packet.pts * packet.time_base), bytes(packet)


def read_wav(path: Path) -> tuple[FloatArray, int]:
    """Mono samples and their rate. Raises :class:`InputError`."""
    try:
        with wave.open(str(path), "rb") as file:
            rate, count = file.getframerate(), file.getnframes()
            if file.getnchannels() != 1 or file.getsampwidth() != 2:
                raise InputError(f"{path} is not the sound of a score: it has other samples.")
            data = file.readframes(count)
    except OSError as error:
        raise InputError(f"cannot read the score's sound {path}: {error.strerror}.") from error
    except (wave.Error, EOFError) as error:
        raise InputError(f"{path} is not the sound of a score: {error}.") from error
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768), rate
