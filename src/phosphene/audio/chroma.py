"""Pitch classes: how much C, C#, ... B is in the sound."""

from __future__ import annotations

import numpy as np

from phosphene.audio.progress import Progress, untold
from phosphene.audio.spectrum import causal_frames, unit_window, window_length
from phosphene.audio.types import FloatArray

CHROMA_RATE = 20
"""moments per second that are aimed at"""
WINDOW_SECONDS = 0.372
LOWEST, HIGHEST = 65.0, 2100.0
"""C2 to C7, Hz"""
AUDIBLE_PEAK = 1e-3
"""share of the loud level (-60 dB) under which a peak is not heard"""
PRESENT = 3e-3
"""share of the loud level under which the strongest pitch class counts as silence"""
CHUNK = 256


class PitchAnalysis:
    """The windows for one sample rate; calling it finds the pitches of any number of moments."""

    def __init__(self, rate: int) -> None:
        self.length = window_length(rate, WINDOW_SECONDS)
        """samples in a window"""
        self._window = unit_window(self.length)
        self._bin_hz = rate / self.length

    def __call__(
        self, frames: FloatArray, floor: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(row, MIDI pitch, strength) of the peaks over ``floor`` in windows (k, length)."""
        amplitude = np.abs(np.fft.rfft(frames * self._window))
        return spectral_peaks(amplitude, self._bin_hz, floor)


def analyse_chroma(
    samples: FloatArray, rate: int, reference: float, progress: Progress = untold
) -> tuple[FloatArray, float]:
    """((k, 12) pitch-class strength from C to B, moments per second).

    Spectral peaks are placed on the circle of pitch classes by their interpolated frequency and
    shared between the two nearest classes (the harmonic pitch class profile of E. Gomez, 2006).
    The song's own tuning is measured first. Peaks 60 dB under ``reference`` are not heard.
    """
    analysis = PitchAnalysis(rate)
    hop = max(1, round(rate / CHROMA_RATE))
    total = len(samples) // hop + 1
    rows: list[np.ndarray] = []
    pitches: list[np.ndarray] = []
    strengths: list[np.ndarray] = []
    for first in range(0, total, CHUNK):
        count = min(CHUNK, total - first)
        frames = causal_frames(samples, analysis.length, hop, first, count)
        row, pitch, strength = analysis(frames, reference * AUDIBLE_PEAK)
        rows.append(row + first)
        pitches.append(pitch)
        strengths.append(strength)
        progress((first + count) / total)
    pitch, strength = np.concatenate(pitches), np.concatenate(strengths)
    off = tuning(tuning_turn(pitch, strength), float(strength.sum()))
    return fold_pitches(np.concatenate(rows), pitch - off, strength, total), rate / hop


def spectral_peaks(
    amplitude: FloatArray, bin_hz: float, floor: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(row, MIDI pitch, strength) of every local maximum over ``floor`` in (k, bins) spectra."""
    low = max(1, int(LOWEST / bin_hz))
    high = min(amplitude.shape[1] - 1, int(HIGHEST / bin_hz) + 1)
    here = amplitude[:, low:high]
    before, after = amplitude[:, low - 1 : high - 1], amplitude[:, low + 1 : high + 1]
    row, column = np.nonzero((here > before) & (here >= after) & (here > max(floor, 1e-6)))
    tiny = 1e-9
    left = np.log(before[row, column] + tiny)
    centre = np.log(here[row, column] + tiny)
    right = np.log(after[row, column] + tiny)
    # vertex of the parabola through three log amplitudes
    curve = np.minimum(left - 2 * centre + right, -1e-6)
    offset = np.clip(0.5 * (left - right) / curve, -0.5, 0.5)
    frequency = (column + low + offset) * bin_hz
    pitch = 69 + 12 * np.log2(frequency / 440.0)
    # ears and chords live in the middle octaves
    weight = np.exp(-0.5 * np.square((pitch - 64) / 14))
    return row, pitch, here[row, column] * weight


def tuning_turn(pitch: np.ndarray, strength: np.ndarray) -> complex:
    """Sum of the peaks as arrows, each turned by how far it is off the nearest semitone."""
    return complex(np.sum(strength * np.exp(2j * np.pi * pitch)))


def tuning(turn: complex, weight: float) -> float:
    """How far the song is off A = 440 Hz, semitones in -0.5..0.5: a circular mean of the peaks.

    ``turn`` is their :func:`tuning_turn`, ``weight`` the sum of their strengths.
    """
    # peaks without a common tuning (noise, drums) cancel out: leave those alone
    if abs(turn) <= 0.1 * weight:
        return 0.0
    return float(np.angle(turn) / (2 * np.pi))


def fold_pitches(
    row: np.ndarray, pitch: np.ndarray, strength: np.ndarray, total: int
) -> FloatArray:
    """(total, 12) sums of ``strength`` at pitch classes, shared linearly between neighbours."""
    below = np.floor(pitch)
    share = pitch - below
    out = np.zeros(total * 12)
    for note, part in ((below, 1 - share), (below + 1, share)):
        slot = row * 12 + note.astype(np.int64) % 12
        out += np.bincount(slot, strength * part, minlength=total * 12)
    return out.reshape(total, 12).astype(np.float32)


def normalise(chroma: FloatArray, floor: float) -> FloatArray:
    """(k, 12) with the largest of each row at 1; rows whose largest is not over ``floor`` at 0."""
    top = chroma.max(axis=1, keepdims=True)
    return np.asarray(
        np.where(top > floor, chroma / np.maximum(top, max(floor, 1e-12)), 0), np.float32
    )
