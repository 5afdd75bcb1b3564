"""Instruments in NumPy: each function returns one mono note or hit, peak near 1."""

from __future__ import annotations

import numpy as np

from phosphene.audio.types import FloatArray


def midi_hz(note: float) -> float:
    """Frequency of a MIDI note, Hz; 69 is A = 440 Hz."""
    return float(440.0 * 2 ** ((note - 69) / 12))


def clock(seconds: float, rate: int) -> FloatArray:
    """(n,) times of the samples of a note, seconds."""
    return np.arange(max(1, round(seconds * rate)), dtype=np.float32) / np.float32(rate)


def kick(rate: int, seconds: float = 0.32) -> FloatArray:
    """Bass drum: a sine that falls from 165 to 48 Hz, with a click."""
    t = clock(seconds, rate)
    phase = 2 * np.pi * (48 * t + 117 * 0.028 * (1 - np.exp(-t / 0.028)))
    body = np.sin(phase) * np.exp(-t / 0.11)
    click = np.exp(-t / 0.0025) * np.sin(2 * np.pi * 1800 * t)
    return np.asarray(_fade(np.tanh(1.6 * body) + 0.25 * click, rate), np.float32)


def snare(rate: int, rng: np.random.Generator, seconds: float = 0.24) -> FloatArray:
    """Snare drum: two tones of the skin and bright noise."""
    t = clock(seconds, rate)
    noise = bright(rng.standard_normal(len(t)).astype(np.float32), 0.6)
    skin = np.sin(2 * np.pi * 185 * t) + 0.6 * np.sin(2 * np.pi * 331 * t)
    hit = 0.5 * skin * np.exp(-t / 0.045) + 0.45 * noise * np.exp(-t / 0.07)
    return np.asarray(_fade(hit, rate), np.float32)


def clap(rate: int, rng: np.random.Generator, seconds: float = 0.22) -> FloatArray:
    """Hand clap: three quick bursts of noise and a tail."""
    t = clock(seconds, rate)
    envelope = 0.8 * np.exp(-np.maximum(t - 0.021, 0) / 0.05) * (t >= 0.021)
    for burst in (0.0, 0.0105):
        envelope = envelope + 0.7 * np.exp(-(t - burst) / 0.004) * (t >= burst) * (
            t < burst + 0.0105
        )
    noise = bright(rng.standard_normal(len(t)).astype(np.float32), 0.5)
    return np.asarray(_fade(0.5 * noise * envelope, rate), np.float32)


def hat(rate: int, rng: np.random.Generator, open_: bool = False) -> FloatArray:
    """Hi-hat, closed or open."""
    t = clock(0.26 if open_ else 0.07, rate)
    noise = bright(bright(rng.standard_normal(len(t)).astype(np.float32), 0.9), 0.9)
    return np.asarray(
        _fade(0.3 * noise * np.exp(-t / (0.09 if open_ else 0.016)), rate), np.float32
    )


def saw(frequency: float, t: FloatArray, phase: float = 0.0, top: float = 9000.0) -> FloatArray:
    """Sawtooth of the harmonics under ``top`` Hz, so that it does not alias."""
    partials = max(1, min(24, int(top / frequency)))
    angle = np.asarray(2 * np.pi * (frequency * t + phase), np.float32)
    # sin(h x) by the recurrence of Chebyshev: one sine and one cosine for all harmonics
    double_cos = 2 * np.cos(angle)
    previous, current = np.zeros_like(angle), np.sin(angle)
    out = current.copy()
    for harmonic in range(2, partials + 1):
        previous, current = current, double_cos * current - previous
        out += current / np.float32(harmonic)
    return out * np.float32(0.6)


def bass(rate: int, note: float, seconds: float, top: float = 900.0) -> FloatArray:
    """Round bass: a dull sawtooth over a sine."""
    t = clock(seconds, rate)
    frequency = midi_hz(note)
    tone = 0.55 * saw(frequency, t, top=top) + 0.5 * np.sin(2 * np.pi * frequency * t)
    return np.asarray(_fade(tone * np.exp(-t / 0.6) * np.minimum(t / 0.004, 1), rate), np.float32)


def pluck(rate: int, note: float, seconds: float, brightness: float = 0.5) -> FloatArray:
    """Plucked synth whose overtones die first; ``brightness`` 0..1 opens its filter."""
    t = clock(seconds, rate)
    frequency = midi_hz(note)
    out = np.zeros_like(t)
    for harmonic in range(1, 9):
        if harmonic * frequency > 0.42 * rate:
            break
        level = (0.25 + 0.75 * brightness) ** (harmonic - 1) / harmonic
        out += level * np.sin(2 * np.pi * harmonic * frequency * t) * np.exp(-t * harmonic / 0.32)
    return np.asarray(_fade(0.6 * out * np.minimum(t / 0.003, 1), rate), np.float32)


def pad(rate: int, notes: tuple[int, ...], seconds: float, swell: float = 0.3) -> FloatArray:
    """Chord of detuned sawtooths that swells in and out."""
    t = clock(seconds, rate)
    out = np.zeros_like(t)
    for index, note in enumerate(notes):
        for detune in (-0.06, 0.07):
            out += saw(midi_hz(note + detune), t, phase=0.37 * index + detune, top=2600.0)
    edge = min(swell, seconds / 3)
    shape = np.minimum(np.minimum(t / edge, 1), np.maximum(seconds - t, 0) / edge)
    return np.asarray(out * shape / (1.5 * len(notes)), np.float32)


def bright(noise: FloatArray, amount: float) -> FloatArray:
    """High-passed noise: each sample less ``amount`` of the one before."""
    out = noise.copy()
    out[1:] -= np.float32(amount) * noise[:-1]
    return out


def mix_in(track: FloatArray, note: FloatArray, at: float, rate: int, gain: float = 1.0) -> None:
    """Add ``note`` to ``track`` (n,) from ``at`` seconds on; what hangs over is cut off."""
    begin = round(at * rate)
    skip = max(-begin, 0)
    count = min(len(note) - skip, len(track) - begin - skip)
    if count > 0:
        track[begin + skip : begin + skip + count] += np.float32(gain) * note[skip : skip + count]


def _fade(note: FloatArray, rate: int, seconds: float = 0.004) -> FloatArray:
    """The note with its last milliseconds faded, so that it ends without a click."""
    edge = min(len(note), max(1, round(seconds * rate)))
    note[-edge:] *= np.linspace(1, 0, edge, dtype=np.float32)
    return note
