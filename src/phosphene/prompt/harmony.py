"""From the chromagram to weights over twelve prompts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phosphene.audio.types import AudioFeatures
from phosphene.config import PromptConfig

FloatArray = npt.NDArray[np.float32]

# chroma columns are broad (overtones fall on other notes); a power makes the played notes lead
CUMULATIVE_POWER = 3.0
FOCUSED_POWER = 12.0
# an exponential window has faded to 1 % after this many time constants
WINDOW = 4.6
# seconds; a frame that comes at the very time of the last one still counts
SHORTEST = 1e-3


def chroma_weights(features: AudioFeatures, frame: int, config: PromptConfig) -> FloatArray:
    """(12,) weights at ``frame``; their sum is 1 while notes sound and falls to 0 in silence.

    The past is averaged with an exponential window of ``config.smooth_seconds``: causal, so the picture
    never runs ahead of the music, and computed from the features alone, so any frame can come first.
    """
    span = config.smooth_seconds * features.fps
    first = max(0, frame - int(np.ceil(WINDOW * span)))
    past = features.chroma_cq[:, first : frame + 1]
    age = np.arange(past.shape[1] - 1, -1, -1, dtype=np.float32)
    window = np.exp(-age / span) if span > 0 else (age == 0).astype(np.float32)
    return np.asarray(_shares(past, config) @ (window / window.sum()), np.float32)


class HarmonyFollower:
    """The same weights while the music plays: one chroma vector at a time, constant memory."""

    def __init__(self) -> None:
        self._sum = np.zeros(12, np.float64)
        self._weight = 0.0

    def follow(self, chroma: FloatArray, seconds: float, config: PromptConfig) -> FloatArray:
        """(12,) weights after ``chroma`` (12,) sounded for ``seconds`` more."""
        seconds = max(seconds, SHORTEST)
        span = config.smooth_seconds
        kept = float(np.exp(-seconds / span)) if span > 0 else 0.0
        self._sum = kept * self._sum + seconds * _shares(chroma[:, None], config)[:, 0]
        self._weight = kept * self._weight + seconds
        return np.asarray(self._sum / self._weight, np.float32)


def _shares(chroma: FloatArray, config: PromptConfig) -> FloatArray:
    """(12, n) columns of sum 1, in which the played notes lead; silence stays 0."""
    powered = chroma ** (FOCUSED_POWER if config.blend == "focused" else CUMULATIVE_POWER)
    total = powered.sum(axis=0, keepdims=True)
    shares: FloatArray = np.divide(powered, total, out=np.zeros_like(powered), where=total > 0)
    return shares
