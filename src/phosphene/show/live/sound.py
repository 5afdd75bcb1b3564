"""Sound as it comes in, from a microphone or the sound card."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from phosphene.audio.live import LiveAnalyzer
from phosphene.audio.types import FloatArray
from phosphene.config import AudioConfig
from phosphene.show.live.feature_frame import FeatureFrame
from phosphene.show.live.types import BeatAction, BeatFrom

KEPT_SECONDS = 10.0
"""sound that may wait to be heard; what is older is forgotten"""
QUIET_LINE = 1.0
"""seconds without a single sample after which there is nothing to hear"""


@dataclass(frozen=True)
class Chunk:
    """Samples that came in together."""

    samples: FloatArray
    """(n,) mono"""
    rate: int
    captured: float
    """monotonic seconds of the last sample"""


class Sound:
    """Listens along. :meth:`put` may be called from any thread."""

    def __init__(self, config: AudioConfig) -> None:
        self._analyzer = LiveAnalyzer(config)
        self._lock = threading.Lock()
        self._chunks: deque[Chunk] = deque()
        self._newest: float | None = None

    def configure(self, config: AudioConfig) -> None:
        """Listen on with other settings."""
        self._analyzer.configure(config)

    def put(self, chunk: Chunk) -> None:
        """More sound."""
        with self._lock:
            self._chunks.append(chunk)
            while chunk.captured - self._chunks[0].captured > KEPT_SECONDS:
                self._chunks.popleft()

    def hear(self, now: float, ahead: float) -> FeatureFrame | None:
        """Nothing while no samples come; silence is something to hear.

        Raises :class:`~phosphene.errors.InputError` for sound that cannot be heard; it is dropped.
        """
        with self._lock:
            chunks = list(self._chunks)
            self._chunks.clear()
        for chunk in chunks:
            self._analyzer.feed(chunk.samples, chunk.rate)
            self._newest = chunk.captured
        newest = self._newest
        if newest is None or now - newest > QUIET_LINE:
            return None
        moment = self._analyzer.moment(max(0.0, now - newest + ahead))
        analyzer = self._analyzer
        by: BeatFrom = "hand" if analyzer.tapped else "live"
        return FeatureFrame(moment, newest, self, analyzer.tempo, analyzer.confidence, beat_from=by)

    def correct(self, action: BeatAction, at: float, seconds: float) -> None:
        """Taps are told on the analyzer's own clock."""
        analyzer = self._analyzer
        if action == "tap" and self._newest is not None:
            analyzer.tap(analyzer.time + at - self._newest)
        elif action == "nudge":
            analyzer.nudge(seconds)
        elif action == "release":
            analyzer.release()
        elif action != "tap":
            analyzer.scale(2.0 if action == "double" else 0.5)
