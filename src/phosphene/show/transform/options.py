"""What to make of a video, apart from how it is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from phosphene.errors import InputError


@dataclass(frozen=True)
class TransformOptions:
    """Stretch, rate and size of a new video, and what may happen to files that are there."""

    start: float = 0.0
    """seconds in the source"""
    duration: float | None = None
    """seconds; ``None``: to the end"""
    skip: int = 0
    """pictures left out after each one that is drawn, which stays on the screen for them"""
    fps: float | None = None
    """an even rate for the new video; ``None``: the source's own times, even or not"""
    scale: float = 1.0
    """size of the new video, in sizes of the source"""
    sound: Path | None = None
    """what it moves to, and sounds of, in place of its own sound"""
    deaf: bool = False
    """moves to nothing"""
    resume: bool = False
    """go on from the last finished segment"""
    overwrite: bool = False
    """replace an existing video"""

    @property
    def window(self) -> tuple[Fraction, Fraction | None]:
        """Start and duration as they were meant: 3.2 is 16/5, not the nearest binary number."""
        duration = None if self.duration is None else _exact(self.duration)
        return _exact(self.start), duration

    def __post_init__(self) -> None:
        if not 0 <= self.start < float("inf"):
            raise InputError(f"the start must be 0 seconds or later, not {self.start:g}.")
        if self.duration is not None and not 0 < self.duration < float("inf"):
            raise InputError(f"the duration must be more than 0 seconds, not {self.duration:g}.")
        if self.deaf and self.sound is not None:
            raise InputError("give --sound or --deaf, not both.")
        if self.skip < 0:
            raise InputError(f"--skip must be 0 or more, not {self.skip}.")
        if self.fps is not None and not 1 <= self.fps <= 240:
            raise InputError(f"--fps must be 1 to 240, not {self.fps:g}.")
        if self.skip and self.fps is not None:
            raise InputError("give --skip or --fps, not both: each says which pictures are drawn.")
        if not 0.05 <= self.scale <= 16:
            raise InputError(f"--scale must be 0.05 to 16, not {self.scale:g}.")


def _exact(seconds: float) -> Fraction:
    return Fraction(seconds).limit_denominator(1_000_000)
