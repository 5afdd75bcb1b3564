"""What pictures and videos measure: pure functions, each with its unit and its source."""

from phosphene.metrics.compare import Steadiness, compare
from phosphene.metrics.motion import change, motion, tof, visible, warp_error
from phosphene.metrics.picture import (
    clipped,
    contrast,
    histogram,
    histogram_distance,
    luma,
    saturation,
    sharpness,
)

__all__ = [
    "Steadiness",
    "change",
    "clipped",
    "compare",
    "contrast",
    "histogram",
    "histogram_distance",
    "luma",
    "motion",
    "saturation",
    "sharpness",
    "tof",
    "visible",
    "warp_error",
]
