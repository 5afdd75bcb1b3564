"""The desk: side chain, echo, reverb and the master bus."""

from __future__ import annotations

import numpy as np

from phosphene.audio import synth
from phosphene.audio.types import FloatArray


def sidechain(total: int, kicks: list[float], rate: int) -> FloatArray:
    """(total,) gain that dips at every bass drum and swells back within a quarter of a second."""
    gain = np.ones(total, np.float32)
    t = synth.clock(0.26, rate)
    dip = np.asarray(1 - 0.65 * np.exp(-t / 0.075), np.float32)
    for time in kicks:
        begin = round(time * rate)
        count = max(0, min(len(dip), total - begin))
        gain[begin : begin + count] = np.minimum(gain[begin : begin + count], dip[:count])
    return gain


def echo(track: FloatArray, seconds: float, rate: int) -> FloatArray:
    """The track, later: what one ear hears of a wide sound."""
    delay = round(seconds * rate)
    return np.concatenate((np.zeros(delay, np.float32), track))[: len(track)]


def reverb(
    track: FloatArray, rng: np.random.Generator, rate: int, seconds: float = 1.4
) -> FloatArray:
    """(n, 2) small hall: convolution with fading noise, different for each ear."""
    t = synth.clock(seconds, rate)
    size = 1 << (len(track) + len(t) - 1).bit_length()
    spectrum = np.fft.rfft(track, size)
    ears = []
    for _ in range(2):
        noise = rng.standard_normal(len(t)).astype(np.float32)
        # walls swallow treble: smooth the noise
        dull = np.convolve(noise, np.full(6, 1 / 6, np.float32), mode="same")
        hall = dull * np.exp(-t / 0.32)
        hall /= np.sqrt(np.square(hall).sum())
        ears.append(np.fft.irfft(spectrum * np.fft.rfft(hall, size), size)[: len(track)])
    return np.stack(ears, axis=1).astype(np.float32)


def master(stereo: FloatArray, rate: int) -> FloatArray:
    """Glued by a soft limit, peak at 0.89 (-1 dBFS), first and last milliseconds faded."""
    loud = float(np.percentile(np.abs(stereo), 99.5)) or 1.0
    out = np.tanh(stereo * (0.9 / loud))
    fade = min(len(out) // 2, round(0.03 * rate))
    out[-fade:] *= np.linspace(1, 0, fade)[:, None] ** 2
    out[:32] *= np.linspace(0, 1, len(out[:32]))[:, None]
    return np.asarray(out * (0.89 / max(float(np.abs(out).max()), 1e-9)), np.float32)
