"""Temporal coherence: how much of the previous picture each frame starts from.

All of it happens in the units of the schedule. Blending ``r`` of the previous picture into unit noise
is the noisy latent of one timestep, so the frame starts right there, and the model is told so: the
amount of noise it expects and the amount it gets are always the same.
"""

from __future__ import annotations

from math import sqrt

from phosphene.stream.arrays import Array
from phosphene.stream.schedule import Schedule

MAX_BLEND = 0.95
"""above this the picture hardly changes any more; also the limit of the setting"""
USUAL_ENERGY = 0.5
"""the energy at which settings mean what they say"""
LEAST_KEPT = 0.15
"""blend ratio of a picture however long the one before it was shown"""
NOISE_OCTAVES = 0.5
"""doublings of the noise from silence to the loudest, at noise_scale 1"""


def clamp_energy(energy: float) -> float:
    """Energy within 0..1; nan counts as silence."""
    return min(1.0, max(0.0, energy))


def adaptive_ratio(ratio: float, energy: float) -> float:
    """Blend ratio for this loudness: 1.5 x in silence, as set at 0.5, 0.5 x at the loudest."""
    return min(MAX_BLEND, ratio * (1.0 + USUAL_ENERGY - clamp_energy(energy)))


def energy_noise(noise_scale: float, energy: float) -> float:
    """Factor on the noise for this loudness: 1 at 0.5; at noise_scale 1, 0.84 in silence to 1.19."""
    octaves = NOISE_OCTAVES * noise_scale * (clamp_energy(energy) - USUAL_ENERGY)
    return float(2.0**octaves)


def scale_noise(ratio: float, factor: float) -> float:
    """Blend ratio after the noise is multiplied by ``factor`` against the picture; below 0 is 0.

    The ratio moves instead of the noise, so that unit variance and timestep stay true.
    """
    noise = max(0.0, factor) * sqrt(1.0 - ratio * ratio)
    total = sqrt(ratio * ratio + noise * noise)
    return ratio / total if total > 0.0 else 1.0


def over(share: float, frames: float) -> float:
    """A share 0..1 that changes in a frame, over several: ``1 - (1 - share) ** frames``."""
    return float(1.0 - (1.0 - share) ** frames)


def coherent_strength(
    schedule: Schedule,
    ratio: float,
    energy: float,
    noise: float,
    adaptive: bool,
    frames: float = 1.0,
) -> float:
    """Strength (0..1, see :meth:`Schedule.steps`) of a frame that starts from the previous one.

    ``ratio`` is the setting, ``noise`` the factor the music puts on the noise, ``frames`` how many have
    passed since that one: of many, ever less is kept, but never so little that the next picture would
    have nothing to do with the last, for a display fades from one to the other.
    """
    if adaptive:
        ratio = adaptive_ratio(ratio, energy)
    ratio = scale_noise(ratio, noise)
    if frames != 1:
        ratio = max(min(ratio, LEAST_KEPT), ratio**frames)
    return schedule.strength_at(schedule.from_blend_ratio(ratio))


def noisy_start(schedule: Schedule, source: Array, noise: Array, t: float) -> Array:
    """Latent at timestep ``t``: ``alpha source + sigma noise``."""
    alpha, sigma = schedule.levels(t)
    return alpha * source + sigma * noise
