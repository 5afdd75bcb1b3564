"""Follows rises and falls of light, block by block, and counts them twice: where they come together over
much of the picture, and at every block by itself.

A flash is a rise and a fall (W3C, WCAG 2.2, "general flash and red flash thresholds"), so at most
three rises and three falls in a second are at most three flashes. The blocks' own counts are for flashes
that come over the picture bit by bit; what moves across it changes each of them now and then, and goes on.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.video.flash_signal import Signals

# a tenth below the guideline, for what the codec adds: 10 % of luminance, 20/320 of red
CHANGE = np.array((0.09, 0.9 * 20 / 320), np.float32).reshape(2, 1, 1)
DARKER_BELOW = np.array((0.80, np.inf), np.float32).reshape(2, 1, 1)
"""a change between two states brighter than this is no flash"""
AREA = 0.24
"""share of the picture; the guideline says a quarter"""
TOGETHER_SECONDS = 1 / 12
"""changes this close in time are seen as one; a quarter of the picture in a twelfth of a second is also
how fast a picture changes whose every spot flickers three times a second on its own"""
NEVER = -(1 << 40)
"""a frame number before all others"""

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Track:
    """All that must be remembered between frames. The first axis is (luminance, red)."""

    frame: int
    """frames seen so far"""
    low: Signals
    """lowest value since the last fall began"""
    high: Signals
    """highest value since the last rise began"""
    heading: npt.NDArray[np.int8]
    """+1 after a rise, -1 after a fall, 0 before the first of them"""
    changed: Counts
    """(2 falls/rises, 2, rows, columns) frame of each block's last change not yet counted"""
    counted: Counts
    """(2 falls/rises, 2, limit) frames of the last changes of the picture, oldest first"""
    own: Counts
    """(2 falls/rises, 2, limit + 1, rows, columns) frames of each block's last changes, oldest first"""

    @classmethod
    def begin(cls, signals: Signals, limit: int) -> Track:
        """Track right after the first frame."""
        return cls(
            frame=1,
            low=signals,
            high=signals,
            heading=np.zeros(signals.shape, np.int8),
            changed=np.full((2, *signals.shape), NEVER, np.int64),
            counted=np.full((2, 2, limit), NEVER, np.int64),
            own=np.full((2, 2, limit + 1, *signals.shape[1:]), NEVER, np.int64),
        )

    def advance(self, signals: Signals, fps: float) -> tuple[Track, bool]:
        """Track after one more frame, and whether it keeps the limit."""
        now = self.frame
        low, high = np.minimum(self.low, signals), np.maximum(self.high, signals)
        falls = (self.heading >= 0) & (high - signals >= CHANGE) & (signals < DARKER_BELOW)
        rises = (self.heading <= 0) & (signals - low >= CHANGE) & (low < DARKER_BELOW)
        changes = np.stack((falls, rises))
        changed = np.where(changes, now, self.changed)
        spent = now - self.counted[..., 0] < fps
        shares = np.mean(changed > now - max(1.0, fps * TOGETHER_SECONDS), axis=(2, 3))
        moved = changes.any(axis=(2, 3))
        events = (shares > AREA) & moved
        shifted = np.concatenate((self.counted[..., 1:], np.full((2, 2, 1), now)), axis=-1)
        own = self.own
        if moved.any():
            later = np.concatenate((own[:, :, 1:], np.full_like(own[:, :, :1], now)), axis=2)
            own = np.where(changes[:, :, None], later, own)
        # so much of the picture has changed once more than it may
        often = (np.mean(now - own[:, :, 0] < fps, axis=(2, 3)) > AREA) & moved
        track = Track(
            frame=now + 1,
            low=np.where(falls, signals, low),
            high=np.where(rises, signals, high),
            heading=np.where(falls, np.int8(-1), np.where(rises, np.int8(1), self.heading)),
            changed=np.where(events[..., None, None], NEVER, changed),
            counted=np.where(events[..., None], shifted, self.counted),
            own=own,
        )
        return track, not bool(np.any((events & spent) | often))


def pack(track: Track | None, last: npt.NDArray[np.uint8] | None) -> bytes:
    """``track`` and the ``last`` picture shown, as bytes."""
    if track is None or last is None:
        return b""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {field.name: getattr(track, field.name) for field in fields(Track)}
    np.savez(buffer, last=last, **arrays)
    return buffer.getvalue()


def unpack(data: bytes) -> tuple[Track | None, npt.NDArray[np.uint8] | None]:
    """The opposite of :func:`pack`."""
    if not data:
        return None, None
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        values = {field.name: arrays[field.name] for field in fields(Track)}
        values["frame"] = int(values["frame"])
        return Track(**values), arrays["last"]
