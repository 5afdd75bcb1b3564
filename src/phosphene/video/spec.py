"""What a video file is made of: size, frame rate, encoder settings."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from phosphene.config import VideoConfig
from phosphene.video.colour import STANDARD, Colour

Size = tuple[int, int]
"""(width, height) in pixels"""
SQUARE = Fraction(1)
"""the usual shape of a pixel"""


def frame_rate(fps: float) -> Fraction:
    """Frames per second as the nearest fraction a container can hold exactly.

    29.97002997 becomes 30000/1001; 23.976 stays 2997/125, because features are sampled at that rate
    and picture and sound share the clock t = i / fps.
    """
    return Fraction(fps).limit_denominator(1001)


@dataclass(frozen=True)
class VideoSpec:
    """Everything the encoder must know; two equal specs give files that can be joined."""

    width: int
    """even, pixels"""
    height: int
    """even, pixels"""
    rate: Fraction
    """frames per second"""
    crf: int
    """H.264 quality, 0 lossless .. 51 worst"""
    preset: str
    """x264 preset: speed against file size"""
    colour: Colour = STANDARD
    """what the stored numbers mean"""
    sample_aspect: Fraction = SQUARE
    """width over height of one pixel"""
    crop: bool = True
    """whether pictures of another shape are cut to fit; else they are stretched"""

    @classmethod
    def of(
        cls,
        config: VideoConfig,
        size: Size,
        rate: Fraction,
        *,
        colour: Colour = STANDARD,
        sample_aspect: Fraction = SQUARE,
        crop: bool = True,
    ) -> VideoSpec:
        """Spec for a picture of ``size`` (width, height) at ``rate`` frames per second."""
        return cls(*size, rate, config.crf, config.encoder_preset, colour, sample_aspect, crop)

    @property
    def threads(self) -> int:
        """Encoder threads: they change the bits, so they follow from the size, not the machine.

        Pictures of a few rows of blocks came out different from run to run with two threads, and no
        faster.
        """
        return 1 if min(self.width, self.height) < 512 else 4


def segment_frames(config: VideoConfig, rate: Fraction) -> int:
    """Frames in one segment, at least 1; all but the last segment have this many."""
    return max(1, round(config.segment_seconds * rate))
