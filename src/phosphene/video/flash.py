"""Holds flashes under the limit of WCAG 2.3.1, frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np
import numpy.typing as npt

from phosphene.video.flash_signal import Frame, block_signals, signals_of, thin_out
from phosphene.video.flash_track import Track, pack, unpack

SHIFT = 5
LEVELS = 1 << SHIFT
"""steps on the way from a new picture to the last one shown, in light and then in all"""
MOST_GAIN, DARK = 2.0, 0.002
"""how much a picture is brightened or darkened at most; light below which nothing is seen to change"""


class FlashLimiter:
    """A filter over uint8 RGB frames that lets at most ``limit`` flashes through in any second.

    Watched are general flashes (opposing changes of 10 % of luminance, the darker below 0.80) and
    saturated red ones, over more than a quarter of the picture. A frame that would be one too many is
    shown as bright as the last one, just enough, and its motion goes on; where its light alone does not make
    it safe it is mixed with the last one. All others pass untouched, as the same array. After a burst the
    picture therefore holds its brightness until the second is over.
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
        """The picture nearest to ``frame`` that keeps the limit.

        Its light is held first, and what it shows goes on: between as bright as it is and as bright as the
        last one. Where that is not enough, it is as bright and mixed with the last one.
        """
        # what is measured is a small part of a picture: the way is searched in a quarter of that, and painted
        # once as a rule, for then it is measured as every picture is
        seen, seen_last = thin_out(frame)[::2, ::2], thin_out(last)[::2, ::2]
        gain = _to_be_as_bright(seen, seen_last)

        def least(
            thin: Callable[[float], npt.NDArray[np.float32]], painted: Callable[[int], Frame]
        ) -> tuple[Frame, Track] | None:
            def keeps(level: int) -> bool:
                return track.advance(signals_of(thin(level / LEVELS)), self._fps)[1]

            # whole levels of 8 bits may lie on the other side of the limit by a hair
            for level in _levels(keeps):
                best = painted(level)
                after, within = track.advance(block_signals(best), self._fps)
                if within:
                    return best, after
            return None

        def lit(share: float) -> float:
            return 1.0 + share * (gain - 1.0)

        held = least(
            lambda share: np.minimum(seen * lit(share), 1.0),
            lambda level: _brightened(frame, lit(level / LEVELS)),
        )
        if held is None:
            bright, lit_seen = _brightened(frame, gain), np.minimum(seen * gain, 1.0)
            held = least(
                lambda share: lit_seen + share * (seen_last - lit_seen),
                lambda level: _blend(last, bright, LEVELS - level),
            )
        # the last picture again: no block changes, so it always keeps the limit
        return held or (last, track.advance(block_signals(last), self._fps)[0])


def _levels(keeps: Callable[[int], bool]) -> range:
    """The least of 1..LEVELS that keeps the limit and those above it; none where the highest does not."""
    low, high = 0, LEVELS
    if not keeps(high):
        return range(0)
    while high - low > 1:
        level = (low + high) // 2
        low, high = (low, level) if keeps(level) else (level, high)
    return range(high, LEVELS + 1)


def _to_be_as_bright(seen: npt.NDArray[np.float32], last: npt.NDArray[np.float32]) -> float:
    """By what a picture's numbers are multiplied to be about as bright as another."""
    light, wanted = (float(signals_of(each)[0].mean()) for each in (seen, last))
    # light is about the square of what is stored
    return min(MOST_GAIN, max(1 / MOST_GAIN, sqrt((wanted + DARK) / (light + DARK))))


def _brightened(frame: Frame, gain: float) -> Frame:
    levels = np.minimum(np.arange(256) * gain + 0.5, 255).astype(np.uint8)
    # Python's own look-up of bytes takes a third of NumPy's time
    pixels = bytearray(frame.tobytes()).translate(levels.tobytes())
    return np.frombuffer(pixels, np.uint8).reshape(frame.shape)


def _blend(last: Frame, frame: Frame, level: int) -> Frame:
    mixed = np.subtract(frame, last, dtype=np.int16)
    mixed *= np.int16(level)
    mixed += np.int16(LEVELS // 2)
    mixed >>= np.int16(SHIFT)
    mixed += last
    return mixed.astype(np.uint8)
