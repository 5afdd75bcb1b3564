"""From the chromagram to weights over twelve prompts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phosphene.config import PromptConfig

FloatArray = npt.NDArray[np.float32]

# chroma columns are broad (overtones fall on other notes); a power makes the played notes lead
CUMULATIVE_POWER = 3.0
FOCUSED_POWER = 12.0
# seconds; a frame that comes at the very time of the last one still counts
SHORTEST = 1e-3


@dataclass(frozen=True)
class HarmonyState:
    """The notes that sounded, older ones less: an exponential window of ``smooth_seconds``."""

    sums: tuple[float, ...] = (0.0,) * 12
    weight: float = 0.0

    @property
    def weights(self) -> FloatArray:
        """(12,) their sum is 1 while notes sound and falls to 0 in silence."""
        return np.asarray(np.asarray(self.sums) / (self.weight or 1.0), np.float32)


def follow(
    state: HarmonyState, chroma: FloatArray, dt: float, config: PromptConfig
) -> HarmonyState:
    """The state after ``chroma`` (12,) sounded for ``dt`` seconds more."""
    dt = max(dt, SHORTEST)
    span = config.smooth_seconds
    kept = float(np.exp(-dt / span)) if span > 0 else 0.0
    sums = kept * np.asarray(state.sums) + dt * _shares(chroma, config)
    return HarmonyState(tuple(sums.tolist()), kept * state.weight + dt)


def _shares(chroma: FloatArray, config: PromptConfig) -> npt.NDArray[np.float64]:
    """(12,) of sum 1, in which the played notes lead; silence stays 0."""
    power = FOCUSED_POWER if config.blend == "focused" else CUMULATIVE_POWER
    powered = np.asarray(chroma, np.float64) ** power
    total = powered.sum()
    return np.asarray(powered / total if total > 0 else powered)
