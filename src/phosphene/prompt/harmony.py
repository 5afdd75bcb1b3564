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


def chroma_weights(features: AudioFeatures, frame: int, config: PromptConfig) -> FloatArray:
    """(12,) weights at ``frame``; their sum is 1 while notes sound and falls to 0 in silence.

    The past is averaged with an exponential window of ``config.smooth_seconds``: causal, so the picture
    never runs ahead of the music, and computed from the features alone, so any frame can come first.
    """
    span = config.smooth_seconds * features.fps
    first = max(0, frame - int(np.ceil(WINDOW * span)))
    past = features.chroma_cq[:, first : frame + 1]
    power = FOCUSED_POWER if config.blend == "focused" else CUMULATIVE_POWER
    shares = past**power
    total = shares.sum(axis=0, keepdims=True)
    shares = np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)
    age = np.arange(past.shape[1] - 1, -1, -1, dtype=np.float32)
    window = np.exp(-age / span) if span > 0 else (age == 0).astype(np.float32)
    return np.asarray(shares @ (window / window.sum()), np.float32)
