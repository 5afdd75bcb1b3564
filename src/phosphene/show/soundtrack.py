"""What sounded in a show that is drawn again: its songs where they played, and its microphone."""

from __future__ import annotations

import wave
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phosphene.show.live.audio_input import LISTENING
from phosphene.show.score import Score
from phosphene.sound_file import Samples
from phosphene.video.sound import Song, SoundFormat

RATE = 48_000
STEREO = SoundFormat(RATE, "stereo", 2)
FADE = 240
"""samples (5 ms) over which a cut is faded: it would click"""


@dataclass(frozen=True)
class Stretch:
    """A part of a show in which one thing plays on."""

    begin: float
    end: float
    """seconds of the show"""
    song: str | None
    """hash; None: the microphone"""
    position: float
    """seconds in it at ``begin``"""
    speed: float


def stretches(score: Score) -> Iterator[Stretch]:
    """What sounded when; a picture's song runs ahead by the clock's lead, so its sound does here."""
    song, listens, now = None, False, 0.0
    playing, position, speed = False, 0.0, 1.0
    end = score.seconds
    for change in (*score.changes, None):
        at = end if change is None else change.at
        if change is not None and change.source is None and change.clock is None:
            continue
        if at > now and song is not None and playing:
            yield Stretch(now, at, song, position, speed)
        if at > now and listens:
            yield Stretch(now, at, None, now, 1.0)
        position += speed * (at - now) if playing else 0.0
        now = at
        if change is None:
            return
        if change.source is not None:
            song = change.source.song if change.source.hear == "song" else None
            listens, playing = change.source.hear in LISTENING, False
        if change.clock is not None:
            playing, speed = change.clock.playing, change.clock.rate
            position = change.clock.position + change.clock.lead * speed


def write_soundtrack(
    score: Score, songs: Mapping[str, Path], microphone: Path | None, path: Path
) -> bool:
    """Write a stereo WAV as long as the show; False, and nothing, where nothing sounded.

    Raises :class:`~phosphene.errors.InputError` for a song that cannot be read.
    """
    parts = [
        part
        for part in stretches(score)
        if (part.song in songs if part.song is not None else microphone is not None)
    ]
    if not parts:
        return False
    total = round(score.seconds * RATE)
    loaded: dict[str | None, Samples] = {}
    track = np.zeros((2, total), np.int16)
    for part in parts:
        if part.song not in loaded:
            file = microphone if part.song is None else songs[part.song]
            assert file is not None
            loaded[part.song] = _sound(file)
        begin, end = round(part.begin * RATE), min(total, round(part.end * RATE))
        samples = _cut(loaded[part.song], part, end - begin)
        track[:, begin:end] = np.clip(np.rint(samples * 32767), -32768, 32767)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(np.ascontiguousarray(track.T).astype("<i2").tobytes())
    return True


def _cut(source: Samples, part: Stretch, count: int) -> Samples:
    """(2, count) of a source from a position on, at a speed; silence before its start and after its end."""
    at = part.position * RATE + part.speed * np.arange(count)
    if part.speed == 1.0:
        at = np.rint(at)
    whole = np.arange(source.shape[1])
    cut = np.stack([np.interp(at, whole, channel, left=0, right=0) for channel in source])
    ramp = np.minimum(1.0, (np.arange(count) + 1) / FADE)
    return np.asarray(cut * ramp * ramp[::-1], np.float32)


def _sound(path: Path) -> Samples:
    """(2, n) at :data:`RATE`."""
    song = Song(path, form=STEREO)
    try:
        blocks = list(song.read_all())
    finally:
        song.close()
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((2, 1), np.float32)
