"""Writes a show down while it is played: always the last ten minutes in memory, and all of it in a file."""

from __future__ import annotations

import errno
import io
import json
import threading
import wave
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av
import numpy as np
from pydantic import JsonValue

from phosphene.audio.types import FloatArray
from phosphene.config import PipelineConfig
from phosphene.errors import InputError
from phosphene.show.director import DirectorState, dump
from phosphene.show.live.pictures import picture_size
from phosphene.show.live.song import SongClock
from phosphene.show.live.types import BeatAction, Frame, Source
from phosphene.show.score import (
    DIGITS,
    FORMAT,
    Change,
    Hand,
    Head,
    Playhead,
    Pulse,
    Tempo,
    Where,
    head_line,
    later,
    pictures_beside,
    settings_of,
    sound_beside,
)
from phosphene.show.sinks.jpeg import to_jpeg

FILM_QUALITY = 90
"""of pictures that came as arrays"""
KEPT_SECONDS = 600.0
"""of every show"""
STILL_SECONDS = 20.0
"""between two places where a saved show may begin"""
MARK_SECONDS = 1.0
"""a score that is cut off is known to have lasted until its last mark"""
MOST_LETTERS = 8_000_000
"""kept in memory; a knob that is turned for ten minutes makes a third of that"""
FILM_CLOCK = Fraction(1, 1000)
"""seconds; what Matroska counts in"""
MOST_CONTROLLERS = 256
"""known by name; the latest"""
GAP_SECONDS = 0.05
"""sound that comes later than this after the last is a gap, not jitter"""


@dataclass(frozen=True)
class Still:
    """A moment at which a saved show may begin."""

    at: float
    """monotonic seconds"""
    state: DirectorState
    config: PipelineConfig
    source: Source
    clock: tuple[float, SongClock] | None
    controllers: dict[str, float]
    pulse: Pulse
    tempos: tuple[tuple[float, Tempo], ...]
    """what other programs count, and when they said so"""


class Recorder:
    """Notes what a session is told. Thread-safe; nothing here raises into the show.

    ``complain`` is told once when a file cannot be written any more.
    """

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._complain = complain
        self._lock = threading.Lock()
        self._stills: deque[Still] = deque()
        self._changes: deque[tuple[float, Change]] = deque()
        self._letters = 0
        self._source = Source()
        self._clock: tuple[float, SongClock] | None = None
        # small drifts add up: what is said is compared with what was written
        self._written: SongClock | None = None
        self._controllers: dict[str, float] = {}
        self._tempos: dict[str, tuple[float, Tempo]] = {}
        self._sound: deque[tuple[float, int, FloatArray]] = deque()
        self._wanted: tuple[Path, bool] | None = None
        self._file: _File | None = None
        self._since: float | None = None
        self._marked = 0.0

    @property
    def since(self) -> float | None:
        """Monotonic seconds from which all is kept on demand; None: the last ten minutes are."""
        return self._since

    def to_file(self, path: Path, pictures: bool = False) -> None:
        """Write to ``path`` from the next frame on; a camera's ``pictures`` beside it, if asked."""
        self._wanted = path, pictures

    def keep(self, on: bool, now: float) -> None:
        """Keep all from ``now`` on, however long; or the last ten minutes again."""
        with self._lock:
            self._since = now if on else None

    def frame(self, now: float, state: DirectorState, config: PipelineConfig, pulse: Pulse) -> None:
        """A frame is about to be drawn at monotonic ``now``, from ``state``."""
        with self._lock:
            last = self._stills[-1].at if self._stills else None
            due = (
                last is None
                or now - last >= STILL_SECONDS
                or (self._since is not None and last < self._since)
            )
            if due:
                self._stills.append(self._still(now, state, config, pulse))
                self._drop(now)
            if self._wanted is not None:
                self._open(self._still(now, state, config, pulse))
            if self._file is not None and now - self._marked >= MARK_SECONDS:
                self._marked = now
                self._put(now, Change(at=0.0))

    def set(self, now: float, values: Mapping[str, JsonValue]) -> None:
        """Settings changed."""
        self._note(now, Change(at=0.0, set=dict(values)))

    def use(self, now: float, source: Source) -> None:
        """It reacts to something else."""
        with self._lock:
            self._source, self._clock, self._written = source, None, None
        self._note(now, Change(at=0.0, source=_where(source)))

    def clock(self, now: float, clock: SongClock) -> None:
        """Where the song is; said again only where that does not follow from before."""
        with self._lock:
            self._clock = now, clock
            known = self._written is not None and _follows(self._written, clock, now)
            if not known:
                self._written = clock
        if not known:
            self._note(now, Change(at=0.0, clock=_playhead(clock, now)))

    def beat(self, now: float, action: BeatAction, at: float, seconds: float) -> None:
        """A correction of the beat."""
        hand = Hand(action=action, ago=round(now - at, DIGITS), seconds=seconds)
        self._note(now, Change(at=0.0, beat=hand))

    def follow(self, now: float, tempo: Tempo) -> None:
        """Another program counts beats, and was at ``tempo.beats`` then."""
        with self._lock:
            self._tempos[tempo.source] = now, tempo
        self._note(now, Change(at=0.0, tempo=tempo))

    def scene(self, now: float) -> None:
        """A new place."""
        self._note(now, Change(at=0.0, scene=True))

    def controllers(self, now: float, values: Mapping[str, float]) -> None:
        """Knobs were turned."""
        with self._lock:
            self._controllers = turned(self._controllers, values)
        self._note(now, Change(at=0.0, controllers=dict(values)))

    def sound(self, samples: FloatArray, rate: int, captured: float) -> None:
        """What a microphone heard; ``captured`` is the monotonic time of the last sample."""
        with self._lock:
            self._sound.append((captured, rate, samples.astype(np.float16)))
            first = captured - KEPT_SECONDS - STILL_SECONDS
            while self._sound[0][0] < min(first, self._since or first):
                self._sound.popleft()
            if self._file is not None:
                self._guarded(lambda file: file.sound(samples, rate, captured))

    def picture(self, data: bytes | Frame, captured: float) -> None:
        """What a camera saw at monotonic ``captured``, compressed or as an array."""
        with self._lock:
            if self._file is not None and self._source.see:
                self._guarded(lambda file: file.picture(data, captured))

    def score(self, now: float) -> str:
        """The show so far, from where it is kept, as the text of a score; empty before its first frame."""
        with self._lock:
            if not self._stills:
                return ""
            still = self._begin(now)
            lines = [head_line(_head(still)), *(each.line() for each in _opening(still))]
            lines += [_timed(c, at - still.at).line() for at, c in self._changes if at > still.at]
            lines.append(Change(at=max(0.0, now - still.at)).line())
        return "".join(line + "\n" for line in lines)

    def wav(self, now: float) -> bytes:
        """What the microphone heard of the show in :meth:`score`; empty where it heard nothing."""
        with self._lock:
            if not self._stills or not self._sound:
                return b""
            zero = self._begin(now).at
            file = io.BytesIO()
            track = Track(file, zero)
            for captured, rate, samples in self._sound:
                if captured > zero:
                    track.add(samples.astype(np.float32), rate, captured)
            track.close()
        return file.getvalue()

    def close(self) -> None:
        """The show is over."""
        with self._lock:
            if self._file is not None:
                self._guarded(lambda file: file.close())
            self._file = None

    def _begin(self, now: float) -> Still:
        """The first moment that is to be kept."""
        first = now - KEPT_SECONDS if self._since is None else self._since
        return next((each for each in self._stills if each.at >= first), self._stills[-1])

    def _drop(self, now: float) -> None:
        """What nobody can ask for any more."""
        first = min(now - KEPT_SECONDS, now if self._since is None else self._since)
        while len(self._stills) > 1 and self._stills[1].at <= first:
            self._stills.popleft()
        while self._changes and self._changes[0][0] < self._stills[0].at:
            self._forget()

    def _still(
        self, now: float, state: DirectorState, config: PipelineConfig, pulse: Pulse
    ) -> Still:
        turned, tempos = dict(self._controllers), tuple(self._tempos.values())
        return Still(now, state, config, self._source, self._clock, turned, pulse, tempos)

    def _note(self, now: float, change: Change) -> None:
        with self._lock:
            if self._changes:
                # what a frame did is noted by its time, which other threads may have passed meanwhile
                now = max(now, self._changes[-1][0])
            self._changes.append((now, change))
            self._letters += len(change.line())
            while self._letters > MOST_LETTERS:
                self._forget()
            self._put(now, change)

    def _forget(self) -> None:
        """Drop the oldest change."""
        _, change = self._changes.popleft()
        self._letters -= len(change.line())

    def _put(self, now: float, change: Change) -> None:
        if self._file is not None:
            self._guarded(lambda file: file.put(now, change))

    def _open(self, still: Still) -> None:
        assert self._wanted is not None
        (path, pictures), self._wanted = self._wanted, None
        try:
            self._file = _File(path, still, pictures)
        except OSError as error:
            self._complain(f"cannot record to {path}: {error.strerror}.")

    def _guarded(self, write: Callable[[_File], None]) -> None:
        file = self._file
        if file is None:
            return
        try:
            write(file)
        except OSError as error:
            self._file = None
            self._complain(
                f"the score is not written any more ({error.strerror}): {file.path} holds what came before."
            )


class _File:
    """A score on disk, every line of it written at once."""

    def __init__(self, path: Path, still: Still, pictures: bool) -> None:
        self.path = path
        self._zero = still.at
        self._text: IO[str] = path.open("x", encoding="utf-8")
        self._track: Track | None = None
        self._film = Film(pictures_beside(path), still.at) if pictures else None
        beside = {"sound": sound_beside(path).name}
        if pictures:
            beside["pictures"] = pictures_beside(path).name
        self._line(head_line(_head(still, **beside)))
        for change in _opening(still):
            self._line(change.line())

    def put(self, now: float, change: Change) -> None:
        self._line(_timed(change, max(0.0, now - self._zero)).line())

    def sound(self, samples: FloatArray, rate: int, captured: float) -> None:
        if self._track is None:
            self._track = Track(sound_beside(self.path).open("xb"), self._zero)
        self._track.add(samples, rate, captured)

    def picture(self, data: bytes | Frame, captured: float) -> None:
        if self._film is not None:
            jpeg = data if isinstance(data, bytes) else to_jpeg(data, FILM_QUALITY)
            self._film.add(jpeg, captured)

    def close(self) -> None:
        self._text.close()
        for beside in (self._track, self._film):
            if beside is not None:
                beside.close()

    def _line(self, line: str) -> None:
        # a kill in the next moment must cost no line
        self._text.write(line + "\n")
        self._text.flush()


class Film:
    """Compressed pictures as they came, in a Matroska file whose time 0 is the score's.

    What is there plays up to the last half second, whatever happens to the machine.
    """

    def __init__(self, path: Path, zero: float) -> None:
        self._path = path
        self._zero = zero
        self._container: Any = None
        self._last = -1
        if path.exists():
            raise FileExistsError(errno.EEXIST, f"{path.name} is there already")

    def add(self, data: bytes, captured: float) -> None:
        """A picture that was taken at ``captured``; one from before the score, or of no format, is none."""
        at = round((captured - self._zero) / FILM_CLOCK)
        try:
            size = picture_size(data)
        except InputError:
            return
        if at < 0:
            return
        if self._container is None:
            self._open(*size)
        # two of a millisecond are shown one after the other
        self._last = max(at, self._last + 1)
        packet = av.Packet(data)
        packet.stream, packet.time_base = self._stream, FILM_CLOCK
        packet.pts = packet.dts = self._last
        packet.is_keyframe = True
        self._container.mux(packet)

    def close(self) -> None:
        """Complete the file."""
        if self._container is not None:
            self._container.close()

    def _open(self, width: int, height: int) -> None:
        self._container = av.open(
            *(f"file:{self._path}", "w", "matroska"),
            container_options={"flush_packets": "1", "cluster_time_limit": "500"},
        )
        self._stream = self._container.add_stream("mjpeg")
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt, self._stream.time_base = "yuvj420p", FILM_CLOCK
        self._container.start_encoding()


class Track:
    """A mono WAV whose time 0 is the score's; gaps are silent."""

    def __init__(self, file: IO[bytes], zero: float) -> None:
        self._wave: wave.Wave_write = wave.open(file, "wb")  # noqa: SIM115 (closed by close)
        self._wave.setnchannels(1)
        self._wave.setsampwidth(2)
        self._zero = zero
        self._rate = 0
        self._written = 0

    def add(self, samples: FloatArray, rate: int, captured: float) -> None:
        """Samples whose last one was taken at ``captured``."""
        if not self._rate:
            self._rate = rate
            self._wave.setframerate(rate)
        if rate != self._rate:
            count = round(len(samples) * self._rate / rate)
            at = np.linspace(0, len(samples) - 1, count)
            samples = np.interp(at, np.arange(len(samples)), samples).astype(np.float32)
        begin = round((captured - self._zero) * self._rate) - len(samples)
        late = begin - self._written
        if late > GAP_SECONDS * self._rate:
            self._write(np.zeros(late, np.float32))
        elif self._written == 0 and begin < 0:
            samples = samples[-begin:]
        self._write(samples)

    def close(self) -> None:
        """Complete the header."""
        if not self._rate:
            self._wave.setframerate(48_000)
        self._wave.close()

    def _write(self, samples: FloatArray) -> None:
        self._written += len(samples)
        self._wave.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def turned(before: Mapping[str, float], values: Mapping[str, float]) -> dict[str, float]:
    """Controllers after some were turned."""
    kept = {name: value for name, value in before.items() if name not in values}
    return dict([*kept.items(), *values.items()][-MOST_CONTROLLERS:])


def _head(still: Still, **beside: str) -> Head:
    state = json.loads(dump(still.state)) if still.state.frame else None
    return Head(
        phosphene_score=FORMAT,
        fps=still.config.live.fps,
        settings=settings_of(still.config),
        state=state,
        **beside,
    )


def _opening(still: Still) -> list[Change]:
    """What holds at the beginning."""
    changes = [Change(at=0.0, source=_where(still.source))] if still.source != Source() else []
    if still.source.hear == "nothing":
        changes.append(Change(at=0.0, pulse=still.pulse))
    if still.clock is not None:
        changes.append(Change(at=0.0, clock=_playhead(still.clock[1], still.at)))
    changes += [
        Change(at=0.0, tempo=later(tempo, still.at - at))
        for at, tempo in still.tempos
        if tempo.tempo
    ]
    if still.controllers:
        changes.append(Change(at=0.0, controllers=still.controllers))
    return changes


def _timed(change: Change, at: float) -> Change:
    return change.model_copy(update={"at": at})


def _where(source: Source) -> Where:
    song = {} if source.song is None else {"song": source.song}
    name = {} if source.name is None else {"name": source.name}
    return Where(hear=source.hear, see=source.see, **song, **name)


def _playhead(clock: SongClock, now: float) -> Playhead:
    return Playhead(
        position=round(clock.position_at(now), DIGITS),
        playing=clock.playing,
        rate=clock.rate,
        lead=clock.lead,
    )


CLOCK_SLACK = 0.02
"""seconds by which a clock may say another place than it did and still be the same one"""


def _follows(before: SongClock, clock: SongClock, now: float) -> bool:
    same = (before.playing, before.rate, before.lead) == (clock.playing, clock.rate, clock.lead)
    return same and abs(before.position_at(now) - clock.position_at(now)) < CLOCK_SLACK
