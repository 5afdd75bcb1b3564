"""From a sound file to features, one set per video frame."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from phosphene.audio.bands import held_index
from phosphene.audio.bars import find_phrases
from phosphene.audio.decode import LONGEST, decode, tame
from phosphene.audio.drums import brightness
from phosphene.audio.loudness import build_curve, find_drops, integrated
from phosphene.audio.progress import Progress, in_steps, part, untold
from phosphene.audio.pulse import Float64Array
from phosphene.audio.song_curves import Backend, SongCurves
from phosphene.audio.types import NOTES, AudioFeatures, FloatArray, IntArray
from phosphene.config import AudioConfig
from phosphene.errors import InputError

DECODING = 0.4
"""share of the work: 0.6 of 1.6 CPU seconds for three minutes of Ogg Vorbis"""
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""how well each step over the tonic fits a key (Krumhansl and Kessler, 1982)"""
LEAST_KEY = 0.4
"""correlation under which there is no key"""


def find_key(chroma: FloatArray) -> str:
    """Such as "A minor" or "F# major", from pitch classes (c, 12); empty where none fits."""
    total = np.asarray(chroma, np.float64).sum(0)
    if total.std() < 1e-6 * max(float(total.max()), 1e-12) or total.max() <= 0:
        return ""
    best, name = LEAST_KEY, ""
    for mode, profile in (("major", MAJOR), ("minor", MINOR)):
        for tonic in range(12):
            fit = float(np.corrcoef(total, np.roll(profile, tonic))[0, 1])
            if fit > best:
                best, name = fit, f"{NOTES[tonic]} {mode}"
    return name


class AudioAnalyzer:
    """Hears whole songs and samples what was heard at ``config.fps``.

    Frame ``i`` is at ``start + i / fps`` seconds and uses no sound after that moment, except that
    the beat grid, the tempo and the section changes are found in the song as a whole.
    """

    def __init__(self, config: AudioConfig | None = None) -> None:
        self.config = config or AudioConfig()

    def analyze(
        self,
        path: str | Path,
        start: float = 0.0,
        duration: float | None = None,
        *,
        progress: Progress = untold,
        most: float = LONGEST,
    ) -> AudioFeatures:
        """Features of the song at ``path``, or of ``duration`` seconds of it from ``start`` on.

        ``num_frames`` is the duration times fps, rounded up, so that a video of these frames is as
        long as the sound within one frame. ``progress`` is told the share done, rising from 0 to 1,
        as the work goes; what it raises ends the work. Raises :class:`InputError` for files without
        sound, stretches outside the song, and songs of more than ``most`` seconds.
        """
        told = in_steps(progress)
        told(0.0)
        until = None if duration is None else start + duration
        decoding = part(told, 0.0, DECODING)
        sound = decode(path, self.config.sample_rate, decoding, until=until, most=most)
        begin, length = check_stretch(sound.duration, start, duration)
        heard = self._backend()(sound.samples, sound.rate, self.config, part(told, DECODING, 1.0))
        told(1.0)
        features = sample_features(heard, self.config.fps, begin, length, sound.source_rate)
        return replace(features, note=" ".join(sound.notes))

    def analyze_samples(
        self,
        samples: FloatArray,
        rate: int,
        start: float = 0.0,
        duration: float | None = None,
    ) -> AudioFeatures:
        """Features of ``samples``, shape (n,) or (n, channels), at ``rate`` Hz.

        They are analysed at their own rate: ``config.sample_rate`` is for files.
        """
        mono = to_mono(samples)
        if rate < 2000:
            raise InputError(f"a sample rate of {rate} Hz is too low: use 8000 or more.")
        begin, length = check_stretch(len(mono) / rate, start, duration)
        heard = self._backend()(mono, rate, self.config)
        return sample_features(heard, self.config.fps, begin, length, rate)

    def _backend(self) -> Backend:
        if self.config.backend == "librosa":
            from phosphene.audio.librosa_backend import hear as hear_librosa

            return hear_librosa
        from phosphene.audio.numpy_backend import hear

        return hear


def to_mono(samples: FloatArray) -> FloatArray:
    """(n,) float32 mean of the channels, NaN and infinities silent; refuses what is not sound."""
    given = np.asarray(samples)
    if given.ndim not in (1, 2) or given.size == 0 or given.dtype.kind not in "fiu":
        raise InputError(
            f"samples of shape {given.shape} and type {given.dtype} are not sound:"
            " use numbers of shape (n,) or (n, channels)."
        )
    if given.dtype.kind in "iu":
        # whole numbers count from the largest of their type
        given = given / float(np.iinfo(given.dtype.name).max)
    clean = tame(np.array(given, np.float64))
    return clean if clean.ndim == 1 else np.asarray(clean.mean(axis=1), np.float32)


def check_stretch(total: float, start: float, duration: float | None) -> tuple[float, float]:
    """(start, length) in seconds inside a song of ``total`` seconds, or :class:`InputError`."""
    if not (math.isfinite(start) and start >= 0):
        raise InputError(f"start {start:g} is not a time in the song: use 0 or more seconds.")
    if start >= total:
        raise InputError(
            f"start {start:g} s is after the end of the song, which lasts {total:.2f} s."
        )
    if duration is not None and not (math.isfinite(duration) and duration > 0):
        raise InputError(f"duration {duration:g} is not a length: use more than 0 seconds.")
    left = total - start
    return start, left if duration is None else min(duration, left)


def frame_times(fps: float, start: float, length: float) -> Float64Array:
    """(n,) seconds at which the frames of a stretch are shown; ``n`` is at least 1."""
    count = max(1, math.ceil(length * fps - 1e-6))
    return start + np.arange(count) / fps


def sample_features(
    heard: SongCurves, fps: float, start: float, length: float, source_rate: int
) -> AudioFeatures:
    """Features at the frame times of a stretch of ``heard``."""
    times = frame_times(fps, start, length)
    index = held_index(times, heard.rate, len(heard.energy))
    rows = held_index(times, heard.chroma_rate, len(heard.chroma))
    bands = heard.bands[index].astype(np.float32)
    nearest = np.round((heard.beats.times - start) * fps).astype(np.int64)
    inside = (nearest >= 0) & (nearest < len(times))
    changes = np.ceil((heard.sections - start) * fps - 1e-6).astype(np.int64)
    changes = changes[(changes > 0) & (changes < len(times))]
    return AudioFeatures(
        fps=fps,
        start=start,
        duration=length,
        sample_rate=source_rate,
        tempo=heard.beats.tempo,
        tempo_confidence=heard.beats.confidence,
        beat_times=heard.beats.times,
        beat_frames=np.unique(nearest[inside]),
        beat_position=heard.beats.position(times).astype(np.float32),
        onset_strength=peaks_between(heard.onsets, index),
        energy=heard.energy[index].astype(np.float32),
        bass=bands[:, 0].copy(),
        mid=bands[:, 1].copy(),
        treble=bands[:, 2].copy(),
        centroid=heard.centroid[index].astype(np.float32),
        chroma_cq=np.ascontiguousarray(heard.chroma[rows].T, np.float32),
        section_frames=np.unique(np.concatenate(([0], changes))).astype(np.int64),
        tempo_runner_up=heard.beats.runner_up,
        tempo_curve=heard.beats.tempo_curve(times),
        percussive=heard.sustained[index, 0],
        harmonic=heard.sustained[index, 1],
        brightness=brightness(heard.centroid[index]),
        loudness=heard.lufs[index],
        integrated_loudness=integrated(heard.lufs, heard.rate),
        key=find_key(heard.chroma),
        **sample_bars(heard, times, fps),
        kick=peaks_between(heard.drums[:, 0], index),
        snare=peaks_between(heard.drums[:, 1], index),
        hat=peaks_between(heard.drums[:, 2], index),
    )


def sample_bars(heard: SongCurves, times: Float64Array, fps: float) -> dict[str, Any]:
    """The fields about bars, phrases and drops."""
    bars, count = heard.bars, len(times)
    downbeats = heard.beats.times[bars.first]

    def frames(moments: Float64Array) -> IntArray:
        nearest = np.round((moments - times[0]) * fps).astype(np.int64)
        return np.unique(nearest[(nearest >= 0) & (nearest < count)])

    position = heard.beats.position(times)
    if len(bars.first):
        number = np.searchsorted(bars.first, np.floor(position + 1e-6), side="right") - 1
        begin = bars.first[np.maximum(number, 0)]
        inside = np.where(number < 0, (position - bars.first[0]) % bars.count, position - begin)
    else:
        number, inside = np.zeros(count, np.int64), np.zeros(count)
    length, first = find_phrases(len(bars.first), heard.newness)
    phrases = frames(downbeats[first::length])
    drops = find_drops(heard.low, heard.rate, downbeats)
    build = build_curve(heard.low, heard.rate, drops)
    return {
        "metre": bars.metre,
        "beats_per_bar": bars.count,
        "downbeat_times": downbeats,
        "downbeat_frames": frames(downbeats),
        "bar_position": inside.astype(np.float32),
        "bar": np.maximum(number, 0).astype(np.int64),
        "phrase_bars": length,
        "phrase_frames": np.unique(np.concatenate(([0], phrases))).astype(np.int64),
        "drop_times": drops,
        "build": build[held_index(times, heard.rate, len(build))],
    }


def peaks_between(curve: FloatArray, index: np.typing.NDArray[np.int64]) -> FloatArray:
    """(n,) largest of ``curve`` since the frame before, so that no attack falls between frames."""
    begin = np.concatenate((index[:1], np.minimum(index[:-1] + 1, index[1:])))
    running = np.append(curve, np.float32(0))
    pairs = np.stack((begin, index + 1), axis=1).ravel()
    return np.maximum.reduceat(running, pairs)[::2].astype(np.float32)
