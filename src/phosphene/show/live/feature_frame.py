"""A moment of sound on its way to the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from phosphene.audio.moment import FrameFeatures
from phosphene.show.live.types import BeatAction, BeatFrom


@dataclass(frozen=True)
class FeatureFrame:
    """What the next picture is about."""

    moment: FrameFeatures
    captured: float
    """monotonic seconds of the newest sound in it, or of the asking"""
    origin: Ear
    """another one: this is not the music of the moment before"""
    tempo: float
    """beats per minute"""
    confidence: float
    """0..1, of the tempo"""
    position: float | None = None
    """seconds in the song"""
    at: float = 0.0
    """monotonic seconds at which the moment is heard, and its beats are counted"""
    beat_from: BeatFrom = "own"
    """who counts the beats"""
    own_tempo: float = 0.0
    """that is heard while somebody else leads"""
    own_off: float = 0.0
    """beats by which what is heard is ahead of who leads, -0.5 to 0.5"""


class Ear(Protocol):
    """One kind of music. Both methods belong to the thread that makes the pictures."""

    def hear(self, now: float, ahead: float) -> FeatureFrame | None:
        """The moment at monotonic time ``now``, ``ahead`` seconds early; None for nothing to hear."""
        ...

    def correct(self, action: BeatAction, at: float, seconds: float) -> None:
        """The performer knows the beat better; ``at`` is monotonic time, ``seconds`` is for nudges."""
        ...
