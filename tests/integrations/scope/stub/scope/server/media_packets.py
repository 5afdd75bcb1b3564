"""A picture and its time."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class MediaTimestamp:
    pts: int | None = None
    time_base: Fraction | None = None


@dataclass(frozen=True)
class VideoPacket:
    tensor: Any
    timestamp: MediaTimestamp = MediaTimestamp()
