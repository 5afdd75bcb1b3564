"""A sound track with nothing in it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np

RATE = 44100
BITS = 64_000
SAMPLES = 1024
"""of one AAC frame"""


class Silence:
    """Silent stereo AAC beside the pictures of ``container``."""

    def __init__(self, container: Any) -> None:
        self._container = container
        self._stream = container.add_stream("aac", rate=RATE, layout="stereo")
        self._stream.bit_rate = BITS
        self._samples = np.zeros((2, SAMPLES), np.float32)
        self._written = 0

    def until(self, seconds: float) -> None:
        """Fill up to ``seconds`` of the stream."""
        while self._written < seconds * RATE:
            frame = av.AudioFrame.from_ndarray(self._samples, "fltp", "stereo")
            frame.sample_rate = RATE
            frame.pts, frame.time_base = self._written, Fraction(1, RATE)
            self._container.mux(self._stream.encode(frame))
            self._written += SAMPLES
