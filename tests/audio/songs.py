"""Synthesised songs whose every beat is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phosphene.audio import synth
from phosphene.audio.types import FloatArray

RATE = 22050


@dataclass(frozen=True, eq=False)
class Song:
    """Samples (n,) at :data:`RATE` and the truth about them."""

    samples: FloatArray
    tempo: float
    """beats per minute: first to last beat"""
    beats: npt.NDArray[np.float64]
    """seconds"""


@dataclass(frozen=True)
class Style:
    """One or two bars in beats: position -> what is struck there."""

    beats: int
    kick: tuple[float, ...] = ()
    snare: tuple[float, ...] = ()
    clap: tuple[float, ...] = ()
    ghost: tuple[float, ...] = ()
    """quiet strokes of the snare"""
    hat: tuple[float, ...] = ()
    bass: tuple[float, ...] = ()
    pluck: tuple[float, ...] = ()
    pad: bool = True


def grid(step: float, beats: int = 4, first: float = 0.0) -> tuple[float, ...]:
    """Every ``step`` beats from ``first`` on."""
    return tuple(np.arange(first, beats - 1e-9, step).tolist())


SWING = tuple(b + o for b in range(4) for o in (0.0, 2 / 3))

STYLES: dict[str, Style] = {
    "rock": Style(4, kick=(0, 2, 2.5), snare=(1, 3), hat=grid(0.5), bass=(0, 1.5, 2, 2.5)),
    "pop16": Style(4, kick=(0, 0.75, 2), snare=(1, 3), hat=grid(0.25), bass=(0, 0.75, 2, 3.5)),
    "house": Style(
        4, kick=grid(1), clap=(1, 3), hat=grid(1, first=0.5), bass=grid(0.5, first=0.25)
    ),
    "offbeat_house": Style(4, kick=grid(1), hat=grid(1, first=0.5), bass=grid(1, first=0.5)),
    "shuffle": Style(4, kick=(0, 2, 2 + 2 / 3), snare=(1, 3), hat=SWING, bass=(0, 1, 2, 3)),
    "jazz": Style(
        4,
        kick=(0,),
        hat=(0, 1, 1 + 2 / 3, 2, 3, 3 + 2 / 3),
        bass=(0, 1, 2, 3),
        pluck=(1 + 2 / 3, 3),
    ),
    "funk": Style(
        4,
        kick=(0, 0.75, 1.5, 2.5, 2.75),
        snare=(1, 3),
        ghost=(1.75, 2.25),
        hat=grid(0.25),
        bass=(0, 0.75, 1.5, 2.5, 3.25, 3.75),
    ),
    "breakbeat": Style(4, kick=(0, 2.5), snare=(1, 3), hat=grid(0.5), bass=(0, 2.5)),
    "waltz": Style(3, kick=(0,), snare=(1, 2), hat=grid(1, 3), bass=(0,)),
    "ballad": Style(4, kick=(0, 2), snare=(1, 3), hat=(0, 1, 2, 3), pluck=grid(0.5), bass=(0, 2)),
    "piano": Style(4, bass=(0, 2), pluck=grid(1), pad=True),
    "tresillo": Style(
        4, kick=(0, 1, 2, 3), snare=(0.75, 1.5, 2.75, 3.5), hat=grid(0.5), bass=(0, 2)
    ),
}

CHORDS = ((57, 60, 64), (53, 57, 60), (48, 55, 64), (55, 59, 62))
"""Am F C G"""


def make_song(
    style: str,
    bpm: float | Callable[[float], float] = 120.0,
    seconds: float = 30.0,
    *,
    seed: int = 0,
    silence: float = 0.0,
    fade: float = 0.0,
    swing_16: float = 0.0,
    jitter_ms: float = 0.0,
) -> Song:
    """A song of ``style``; ``bpm`` is a number or a function of the beat's number.

    ``silence`` seconds at the start, the last ``fade`` seconds fade out, ``swing_16`` delays every
    second sixteenth by that share of it, ``jitter_ms`` is the standard deviation of the player.
    """
    rng = np.random.default_rng(seed)
    what = STYLES[style]
    times = _beat_times(bpm, seconds, silence)
    track = np.zeros(round(seconds * RATE), np.float32)
    hits = {
        "kick": (synth.kick(RATE), 0.9),
        "snare": (synth.snare(RATE, rng), 0.6),
        "clap": (synth.clap(RATE, rng), 0.6),
        "ghost": (synth.snare(RATE, rng), 0.15),
        "hat": (synth.hat(RATE, rng), 0.35),
    }

    def when(bar: int, position: float) -> float:
        sixteenth = position * 4
        if swing_16 and abs(sixteenth - round(sixteenth)) < 1e-6 and round(sixteenth) % 2:
            position += swing_16 / 4
        beat = bar * what.beats + position
        jitter = rng.normal(0, jitter_ms / 1000) if jitter_ms else 0.0
        return float(np.interp(beat, np.arange(len(times)), times)) + float(jitter)

    beats_inside = int(np.sum(times < seconds))
    for bar in range(beats_inside // what.beats + 1):
        chord = CHORDS[bar % 4]
        span = times[min((bar + 1) * what.beats, len(times) - 1)] - times[bar * what.beats]
        beat = span / what.beats
        for name, (sound, gain) in hits.items():
            for position in getattr(what, name):
                strength = gain * rng.uniform(0.8, 1.0)
                synth.mix_in(track, sound, when(bar, position), RATE, strength)
        for position in what.bass:
            note = synth.bass(RATE, chord[0] - 24, min(0.45 * beat, 0.3))
            synth.mix_in(track, note, when(bar, position), RATE, 0.5)
        for index, position in enumerate(what.pluck):
            note = synth.pluck(RATE, chord[index % 3] + 12, 0.4)
            synth.mix_in(track, note, when(bar, position), RATE, 0.35)
        if what.pad:
            synth.mix_in(track, synth.pad(RATE, chord, span), when(bar, 0), RATE, 0.2)
    if fade:
        count = round(fade * RATE)
        track[-count:] *= np.linspace(1, 0, count, dtype=np.float32) ** 2
    track *= np.float32(0.8 / np.abs(track).max())
    beats = times[times < seconds]
    tempo = 60 * (len(beats) - 1) / (beats[-1] - beats[0])
    return Song(track, float(tempo), beats)


def _beat_times(
    bpm: float | Callable[[float], float], seconds: float, silence: float
) -> npt.NDArray[np.float64]:
    """Beat times from ``silence`` to two bars after the end."""
    times = [silence]
    while times[-1] < seconds or len(times) % 4 != 1:
        tempo = bpm(len(times) - 1) if callable(bpm) else bpm
        times.append(times[-1] + 60 / tempo)
    step = times[-1] - times[-2]
    times += [times[-1] + step * (i + 1) for i in range(8)]
    return np.asarray(times)


def beat_score(
    found: npt.NDArray[np.float64], truth: npt.NDArray[np.float64], tolerance: float = 0.07
) -> float:
    """F-measure of beats within ``tolerance`` seconds (Davies et al., 2009)."""
    if not len(found) or not len(truth):
        return 0.0
    near = np.abs(found[:, None] - truth[None, :])
    hit_found = float((near.min(1) <= tolerance).mean())
    hit_truth = float((near.min(0) <= tolerance).mean())
    total = hit_found + hit_truth
    return 2 * hit_found * hit_truth / total if total else 0.0
