"""Walks over the sphere of gaussian noise, as pure functions of angles.

A sum ``cos(a) x + sin(a) y`` of two independent unit gaussians is again a unit gaussian, so every point
of a walk is a fair starting noise for a diffusion model.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def ease_out(phase: float) -> float:
    """Cubic ease-out 0..1 -> 0..1: fastest on the beat, at rest before the next one."""
    return 1.0 - (1.0 - phase) ** 3


def circle(axes: FloatArray, angle: float) -> FloatArray:
    """Point at ``angle`` radians on the circle through ``axes[0]`` and ``axes[1]``."""
    return np.asarray(math.cos(angle) * axes[0] + math.sin(angle) * axes[1], np.float32)


def spiral(axes: FloatArray, angle: float, tilt: float) -> FloatArray:
    """The circle, leaning by ``tilt`` radians towards ``axes[2]``."""
    ring = circle(axes, angle)
    return np.asarray(math.cos(tilt) * ring + math.sin(tilt) * axes[2], np.float32)


def crossfade(old: FloatArray, new: FloatArray, progress: float) -> FloatArray:
    """Blend of two independent noises at 0..1 that keeps unit variance."""
    angle = 0.5 * math.pi * progress
    return np.asarray(math.cos(angle) * old + math.sin(angle) * new, np.float32)


def blend(walked: FloatArray, new: FloatArray, share: float) -> FloatArray:
    """``share`` 0..1 of new noise in a point of the walk, at unit variance."""
    return np.asarray(math.sqrt(1.0 - share * share) * walked + share * new, np.float32)
