"""How a video that is drawn over moves to sound: its picture leans with the camera and comes back."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass, replace

import numpy as np

from phosphene.audio.moment import FrameFeatures, frame_features, off_beat, strongest
from phosphene.audio.types import AudioFeatures
from phosphene.show.display import Motion, moved
from phosphene.show.transform.items import Frame
from phosphene.stream.camera import CameraMove

LEAN_SECONDS = 0.25
"""in which a lean falls to 1/e: a video has a camera of its own, and keeps it"""
STILL = 1e-4
"""a lean too small to see: a twentieth of a pixel of 512"""

CALM = FrameFeatures(
    frame=0,
    time=0.0,
    fps=1.0,
    energy=0.5,
    onset=0.0,
    bass=1.0,
    mid=1.0,
    treble=1.0,
    centroid=0.0,
    beat_phase=0.0,
    beat_position=0.0,
    is_beat=False,
    section=0,
    chroma=np.zeros(12, np.float32),
)
"""what is heard where nothing is: everything at its usual level"""


class Listener:
    """What a video's sound is at any time of it."""

    def __init__(self, features: AudioFeatures) -> None:
        self._features = features

    def between(self, time: float, seconds: float) -> FrameFeatures:
        """The moment at ``time`` seconds of the video, with the strongest attack until ``seconds`` later."""
        features = self._features
        first, last = (min(features.num_frames - 1, max(0, round(at * features.fps)))
                       for at in (time, time + seconds))  # fmt: skip
        heard = frame_features(features, first)
        # a curve knows at a moment what was heard before it: a click counts in the picture that it sounds in
        begin = min(first + 1, last)
        loudest = strongest(features, begin, last)
        return replace(
            heard,
            onset=float(features.onset_strength[loudest]),
            off_beat=off_beat(features, loudest),
        )


@dataclass(frozen=True)
class Lean:
    """How far the picture is from where the video has it."""

    octaves: float = 0.0
    """doublings of size"""
    turn: float = 0.0
    """radians, clockwise"""
    right: float = 0.0
    """picture widths"""
    down: float = 0.0

    def after(self, move: CameraMove, seconds: float) -> Lean:
        """The lean a frame later: drawn back, and moved by the camera."""
        kept = math.exp(-seconds / LEAN_SECONDS)
        return Lean(
            kept * self.octaves + math.log2(move.zoom),
            kept * self.turn + move.rotate,
            kept * self.right + move.pan_x,
            kept * self.down + move.pan_y,
        )

    def seen(self, picture: Frame) -> Frame:
        """``picture`` (h, w, 3), uint8, as it is seen; never smaller than its frame."""
        if max(abs(self.octaves), abs(self.turn), abs(self.right), abs(self.down)) < STILL:
            return picture
        height, width = picture.shape[:2]
        # a picture that turns or drifts is enlarged just so much that no edge shows
        spare = abs(math.sin(self.turn)) * max(width, height) / min(width, height)
        drift = 2 * max(abs(self.right), abs(self.down) * width / height)
        zoom = max(2.0**self.octaves, 1.0 + spare + drift)
        lean = Motion(cmath.rect(zoom, self.turn), complex(self.right, self.down))
        return moved(picture, lean)
