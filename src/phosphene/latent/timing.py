"""How far a walk has come at a frame: closed forms of the features, nothing remembered."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from phosphene.audio.types import AudioFeatures
from phosphene.config import LatentConfig
from phosphene.latent.walks import ease_out

BEATS_PER_STEP = {"half": 0.5, "beat": 1.0, "two_beats": 2.0, "bar": 4.0}
SCENE_FADE_SECONDS = 0.5


@dataclass(frozen=True)
class Place:
    """Where a walk is at a moment."""

    scene: int
    arrival: float
    """0..1: how far the scene has taken over from the one before"""
    angle: float
    """radians along the path"""
    tilt: float
    """radians the spiral has left its circle by"""


def place_at(features: AudioFeatures, frame: int, config: LatentConfig) -> Place:
    """Where the walk through a song is at ``frame``."""
    return Place(
        *scene_at(features, frame, config),
        walk_angle(features, frame, config),
        spiral_tilt(features, frame, config),
    )


def step_length(energy: float, config: LatentConfig) -> float:
    """Radians of a step that begins at this loudness 0..1: 0.5 to 1.5 x ``config.distance``."""
    return config.distance * (0.5 + energy)


def walk_angle(features: AudioFeatures, frame: int, config: LatentConfig) -> float:
    """Radians walked at ``frame``: a steady drift plus one eased step per note.

    A step is longer when it starts on a loud frame, see :func:`step_length`, and it begins on the beat,
    never before it.
    """
    drift = config.drift * features.time_of(frame)
    if len(features.beat_times) == 0:
        return drift
    per_step = BEATS_PER_STEP[config.note]
    position = features.beat_position / per_step
    here = float(position[frame])
    first, step = math.floor(float(position[0])), math.floor(here)
    starts = np.searchsorted(position, np.arange(first, step + 1))
    lengths = [step_length(energy, config) for energy in features.energy[starts].tolist()]
    return drift + sum(lengths[:-1]) + lengths[-1] * ease_out(here - step)


def spiral_tilt(features: AudioFeatures, frame: int, config: LatentConfig) -> float:
    """Radians the spiral has left its circle by at ``frame``."""
    return config.spiral_rate * float(features.beat_position[frame] - features.beat_position[0])


def scene_at(features: AudioFeatures, frame: int, config: LatentConfig) -> tuple[int, float]:
    """(scene number, how far it has arrived, 0..1)."""
    scene = 0
    if config.scene_per_section:
        scene = max(0, int(np.searchsorted(features.section_frames, frame, side="right")) - 1)
    since = (frame - int(features.section_frames[scene])) / features.fps
    return scene, min(1.0, since / SCENE_FADE_SECONDS)
