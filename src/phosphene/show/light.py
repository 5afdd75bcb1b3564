"""Master light, blackout and freeze: the performer's last word on what everybody sees."""

from __future__ import annotations

import io

import numpy as np

from phosphene.config import LiveConfig
from phosphene.video.writer import Frame

FULL = 256
"""levels of light"""


class Light:
    """Holds the picture and takes its light away, from one picture to the next.

    It works before the flash limiter: a blackout that is drummed on is a flash like any other.
    """

    def __init__(self) -> None:
        self._dark = 0.0
        self._last: float | None = None
        self._frozen: Frame | None = None

    def __call__(self, image: Frame, live: LiveConfig, now: float) -> Frame:
        """The picture to show for ``image`` at ``now`` seconds; the same array where nothing is done."""
        self._frozen = (image if self._frozen is None else self._frozen) if live.freeze else None
        return dimmed(image if self._frozen is None else self._frozen, self.level(live, now))

    def level(self, live: LiveConfig, now: float) -> float:
        """How much light is let out at ``now`` seconds, 0..1."""
        passed = 0.0 if self._last is None else now - self._last
        self._last = now
        step = passed / live.fade_seconds if live.fade_seconds > 0 else 1.0
        self._dark = min(1.0, self._dark + step) if live.blackout else max(0.0, self._dark - step)
        return round(FULL * live.light * (1.0 - self._dark)) / FULL

    def get_state(self, now: float) -> bytes:
        """What goes on at ``now`` seconds with :meth:`set_state`; empty before the first picture."""
        if self._last is None:
            return b""
        frozen = np.zeros(0, np.uint8) if self._frozen is None else self._frozen
        data = io.BytesIO()
        np.savez(data, dark=self._dark, passed=now - self._last, frozen=frozen)
        return data.getvalue()

    def set_state(self, data: bytes) -> None:
        """Go on from another one's :meth:`get_state`, at 0 seconds."""
        if not data:
            return
        with np.load(io.BytesIO(data)) as kept:
            self._dark, self._last = float(kept["dark"]), -float(kept["passed"])
            self._frozen = kept["frozen"] if kept["frozen"].size else None


def dimmed(image: Frame, light: float) -> Frame:
    """The picture with a share 0..1 of its light; the same array where it is all there."""
    level = round(FULL * light)
    if level >= FULL:
        return image
    dark: Frame = (image * np.uint16(level) // np.uint16(FULL)).astype(np.uint8)
    return dark
