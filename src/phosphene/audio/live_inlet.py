"""Where live sound comes in: chunks of any size and rate become one seamless stream."""

from __future__ import annotations

from typing import Any

import numpy as np

from phosphene.audio.types import FloatArray
from phosphene.errors import InputError

RATES = (2000, 768_000)
"""Hz that are taken for a sample rate"""
LIMIT = 4.0
"""samples over this (12 dB too hot) are cut: a broken cable must not deafen the analysis"""


class Inlet:
    """The last ``keep`` samples at ``rate`` Hz of all that was put in, and how many there were."""

    def __init__(self, rate: int, keep: int) -> None:
        self.total = 0
        """samples at ``rate`` so far"""
        self._rate = rate
        self._keep = keep
        self._past = np.zeros(keep, np.float32)
        self._waiting: list[FloatArray] = []
        self._count = 0
        self._source_rate = rate
        self._resampler: Any = None
        self._heard_before = 0.0
        self._heard = 0

    @property
    def seconds(self) -> float:
        """Length of all sound put in."""
        return self._heard_before + self._heard / self._source_rate

    @property
    def waiting(self) -> float:
        """Seconds of sound put in and not yet pulled."""
        return self._count / self._source_rate

    def put(self, samples: FloatArray, rate: int) -> None:
        """Take mono ``samples`` (n,) at ``rate`` Hz, as :func:`check_sound` lets them through."""
        if rate != self._source_rate:
            self._change_rate(rate)
        # a copy: the caller may use its buffer again
        self._waiting.append(np.array(samples))
        self._count += len(samples)
        self._heard += len(samples)

    def pull(self) -> None:
        """Move what waits into the past."""
        if self._count:
            chunk = np.concatenate(self._waiting)
            self._waiting.clear()
            self._count = 0
            self._append(self._resample(clean(chunk)))

    def frames(self, first: int, count: int, hop: int, length: int) -> FloatArray:
        """(count, length) windows that end ``first * hop``, ``(first + 1) * hop``, ... samples in.

        They must lie within the ``keep`` samples that are remembered.
        """
        begin = len(self._past) - self.total + first * hop - length
        starts = range(begin, begin + count * hop, hop)
        return np.stack([self._past[start : start + length] for start in starts])

    def _append(self, samples: FloatArray) -> None:
        self.total += len(samples)
        self._past = np.concatenate((self._past, samples))[-self._keep :]

    def _change_rate(self, rate: int) -> None:
        self.pull()
        if self._resampler is not None:
            # what it still holds back
            self._append(_joined(self._resampler.resample(None)))
        self._heard_before, self._heard = self.seconds, 0
        self._source_rate, self._resampler = rate, None

    def _resample(self, chunk: FloatArray) -> FloatArray:
        if self._source_rate == self._rate:
            return chunk
        import av

        if self._resampler is None:
            self._resampler = av.AudioResampler(format="flt", layout="mono", rate=self._rate)
        frame = av.AudioFrame.from_ndarray(chunk[None], format="flt", layout="mono")
        frame.sample_rate = self._source_rate
        return _joined(self._resampler.resample(frame))


def check_sound(samples: FloatArray, rate: int) -> None:
    """Raises :class:`InputError` for what is not mono sound (n,) of floats at a possible rate."""
    if not RATES[0] <= rate <= RATES[1]:
        raise InputError(f"a sample rate of {rate} Hz is not one: use {RATES[0]} to {RATES[1]} Hz.")
    if samples.ndim != 1 or samples.dtype.kind != "f":
        raise InputError(
            f"live sound of shape {samples.shape} and type {samples.dtype} cannot be heard:"
            " send mono samples of shape (n,) and type float32."
        )


def clean(samples: FloatArray) -> FloatArray:
    """(n,) float32 within :data:`LIMIT`; what is not a number is silent."""
    if not np.isfinite(samples).all():
        samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(samples, -LIMIT, LIMIT).astype(np.float32, copy=False)


def _joined(frames: list[Any]) -> FloatArray:
    parts = [frame.to_ndarray()[0] for frame in frames]
    return np.concatenate([np.zeros(0, np.float32), *parts])
