"""Short-time spectra, reduced on the fly to the few numbers per moment that the rest needs.

Every window *ends* at the moment it describes, so nothing here hears the future.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phosphene.audio.progress import Progress, untold
from phosphene.audio.types import FloatArray

FRAME_RATE = 100
"""moments per second that are aimed at"""
WINDOW_SECONDS = 0.0464
"""length of the window for attacks and loudness"""
BAND_EDGES = (20.0, 320.0, 2800.0, 11025.0)
"""bass, mid, treble, Hz: the split of the Butterchurn visualizer"""
LOG_BANDS = 32
LOG_RANGE = (30.0, 11025.0)
CHUNK = 2048


@dataclass(frozen=True, eq=False)
class Spectra:
    """What is kept of the spectrum of a song: ``k`` moments, ``frame_rate`` of them a second."""

    frame_rate: float
    """moments per second; moment ``k`` is at ``k / frame_rate``"""
    log_bands: FloatArray
    """(k, bands) amplitude in bands of equal width on a logarithmic axis"""
    band_centres: FloatArray
    """(bands,) Hz"""
    levels: FloatArray
    """(k, 3) amplitude of bass, mid and treble"""
    loudness: FloatArray
    """(k,) amplitude as loud as it seems, see :func:`k_weighting`"""
    centroid: FloatArray
    """(k,) centre of gravity of the amplitude spectrum, Hz; 0 in silence"""


def window_length(rate: float, seconds: float) -> int:
    """Power of two nearest to ``seconds`` at ``rate``."""
    return 1 << max(5, round(float(np.log2(rate * seconds))))


def unit_window(length: int) -> FloatArray:
    """(length,) Hann window scaled so that a full-scale sine has amplitude 1."""
    window = np.hanning(length + 1)[:-1].astype(np.float32)
    return np.asarray(window * np.float32(2.0 / window.sum()), np.float32)


def causal_frames(samples: FloatArray, length: int, hop: int, first: int, count: int) -> FloatArray:
    """(count, length) view-like stack of windows; window ``k`` holds the samples before ``k * hop``.

    Outside the sound there is silence.
    """
    begin = first * hop - length
    end = (first + count - 1) * hop
    inside = samples[max(begin, 0) : max(min(end, len(samples)), 0)]
    padded = np.pad(inside, (max(-begin, 0), max(end - len(samples), 0)))
    return np.lib.stride_tricks.sliding_window_view(padded, length)[::hop]


def k_weighting(frequencies: FloatArray) -> FloatArray:
    """Amplitude gain of the ear, ITU-R BS.1770: without rumble, 4 dB up in the treble.

    The two analogue filters whose digital images the standard lists.
    """
    f = np.asarray(frequencies, np.float64)
    high_pass = np.square(f) / (np.square(f) + 38.14**2)
    s = 1j * f / 1681.97
    top, middle = 10 ** (4.0 / 20), 10 ** (4.0 / 20 * 0.4997)
    shelf = np.abs((top * s**2 + middle * s / 0.7072 + 1) / (s**2 + s / 0.7072 + 1))
    return np.asarray(high_pass * shelf, np.float32)


def log_band_edges(frequencies: FloatArray) -> np.typing.NDArray[np.intp]:
    """Ascending first bins of the log bands, ended by one past the last bin; no band is empty."""
    top = min(LOG_RANGE[1], float(frequencies[-1]))
    wanted = np.geomspace(LOG_RANGE[0], top, LOG_BANDS + 1)
    bins = np.searchsorted(frequencies, wanted)
    return np.unique(np.clip(bins, 1, len(frequencies)))


class SpectrumAnalysis:
    """The windows, bands and weights for one sample rate, ready for any number of moments."""

    def __init__(self, rate: int) -> None:
        self.length = window_length(rate, WINDOW_SECONDS)
        """samples in a window"""
        self.hop = max(1, round(rate / FRAME_RATE))
        """samples from one moment to the next"""
        self.frame_rate = rate / self.hop
        self._window = unit_window(self.length)
        self._frequencies = np.fft.rfftfreq(self.length, 1 / rate).astype(np.float32)
        self._weight = np.square(k_weighting(self._frequencies))
        self._edges = log_band_edges(self._frequencies)
        self._splits = np.searchsorted(self._frequencies, BAND_EDGES)
        low, high = self._edges[:-1], self._edges[1:] - 1
        self.centres: FloatArray = np.sqrt(self._frequencies[low] * self._frequencies[high])
        """(bands,) Hz"""

    def __call__(self, frames: FloatArray) -> Spectra:
        """What is kept of the windows in ``frames`` (k, length)."""
        spectrum = np.fft.rfft(frames * self._window)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        bands = np.sqrt(np.add.reduceat(power[:, : self._edges[-1]], self._edges[:-1], axis=1))
        levels = [
            np.sqrt(power[:, low:high].sum(1))
            for low, high in zip(self._splits[:-1], self._splits[1:], strict=True)
        ]
        amplitude = np.sqrt(power)
        mass = amplitude.sum(1)
        sounding = mass > 1e-5
        centroid = np.zeros(len(frames), np.float32)
        centroid[sounding] = (amplitude[sounding] @ self._frequencies) / mass[sounding]
        return Spectra(
            self.frame_rate,
            bands.astype(np.float32),
            self.centres,
            np.stack(levels, axis=1).astype(np.float32),
            np.sqrt(power @ self._weight).astype(np.float32),
            centroid,
        )


def analyse_spectrum(samples: FloatArray, rate: int, progress: Progress = untold) -> Spectra:
    """Spectra of mono ``samples`` (n,) at ``rate`` Hz, about :data:`FRAME_RATE` moments a second."""
    analysis = SpectrumAnalysis(rate)
    total = len(samples) // analysis.hop + 1
    parts = []
    for first in range(0, total, CHUNK):
        count = min(CHUNK, total - first)
        parts.append(analysis(causal_frames(samples, analysis.length, analysis.hop, first, count)))
        progress((first + count) / total)
    return Spectra(
        analysis.frame_rate,
        np.concatenate([part.log_bands for part in parts]),
        analysis.centres,
        np.concatenate([part.levels for part in parts]),
        np.concatenate([part.loudness for part in parts]),
        np.concatenate([part.centroid for part in parts]),
    )


def log_flux(bands: FloatArray, reference: float, lag: int = 2) -> FloatArray:
    """(k, bands) rise of the log amplitude over ``lag`` moments; falls count as 0.

    ``reference`` is the amplitude of loud passages: flux does not depend on the gain.
    """
    if reference <= 0:
        return np.zeros_like(bands)
    log = np.log1p(bands * np.float32(100.0 / reference))
    out: FloatArray = np.zeros_like(log)
    np.maximum(log[lag:] - log[:-lag], 0, out=out[lag:])
    # what sounds from the first sample on has also begun
    out[:lag] = log[:lag] - log[0]
    return out
