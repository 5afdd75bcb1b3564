"""Holds flashes under the limit of WCAG 2.3.1, frame by frame."""

from __future__ import annotations

import numpy as np

from phosphene.video.flash_signal import Frame, block_signals, signals_of, thin_out
from phosphene.video.flash_track import Track, pack, unpack

SHIFT = 5
LEVELS = 1 << SHIFT
"""steps of the blend between the last picture shown and the new one"""


class FlashLimiter:
    """A filter over uint8 RGB frames that lets at most ``limit`` flashes through in any second.

    Watched are general flashes (opposing changes of 10 % of luminance, the darker below 0.80) and
    saturated red ones, over more than a quarter of the picture. A frame that would be one too many is
    blended with the last picture shown, just enough; all others pass untouched, as the same array.
    After a burst the picture therefore holds its brightness until the second is over.
    """

    def __init__(self, fps: float, limit: int = 3) -> None:
        self._fps = fps
        self._limit = limit
        self._track: Track | None = None
        self._last: Frame | None = None

    def __call__(self, frame: Frame) -> Frame:
        """The picture to show for ``frame`` (height, width, 3); all frames have one size."""
        signals = block_signals(frame)
        if self._track is None or self._last is None:
            self._track, self._last = Track.begin(signals, self._limit), frame
            return frame
        track, within = self._track.advance(signals, self._fps)
        if not within:
            frame, track = self._hold_back(frame, self._track, self._last)
        self._track, self._last = track, frame
        return frame

    def get_state(self) -> bytes:
        """All that decides what comes next."""
        return pack(self._track, self._last)

    def set_state(self, data: bytes) -> None:
        """Go on from :meth:`get_state` of a limiter with the same fps and limit."""
        self._track, self._last = unpack(data)

    def _hold_back(self, frame: Frame, track: Track, last: Frame) -> tuple[Frame, Track]:
        """The picture nearest to ``frame`` on the way from ``last`` that keeps the limit."""
        # what is measured is a small part of a picture: the way is searched there, and painted once
        seen, seen_last = thin_out(frame), thin_out(last)
        low, high = 0, LEVELS
        while high - low > 1:
            level = (low + high) // 2
            share = np.float32(level / LEVELS)
            after, within = track.advance(
                signals_of(seen_last + share * (seen - seen_last)), self._fps
            )
            low, high = (level, high) if within else (low, level)
        # whole levels of 8 bits may lie on the other side of the limit by a hair
        while low > 0:
            best = _blend(last, frame, low)
            after, within = track.advance(block_signals(best), self._fps)
            if within:
                return best, after
            low -= 1
        # the last picture again: no block changes, so it always keeps the limit
        return last, track.advance(block_signals(last), self._fps)[0]


def _blend(last: Frame, frame: Frame, level: int) -> Frame:
    mixed = np.subtract(frame, last, dtype=np.int16)
    mixed *= np.int16(level)
    mixed += np.int16(LEVELS // 2)
    mixed >>= np.int16(SHIFT)
    mixed += last
    return mixed.astype(np.uint8)
