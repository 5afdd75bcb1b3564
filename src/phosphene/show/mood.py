"""Words of motion in a prompt, by how loud it has been lately; for models that take them at their word."""

from __future__ import annotations

from dataclasses import dataclass

from phosphene.config import PipelineConfig
from phosphene.diffusion.base import ModelFacts

WORDS = ("slow, calm motion", "", "fast, energetic motion")
"""quiet, usual, loud"""
QUIET, LOUD = 0.25, 0.65
"""energy 0..1 below and above which they are said"""
STICKY = 0.08
"""by which energy must come back before they are not"""
SECONDS = 2.0
"""over which energy is averaged"""


@dataclass(frozen=True)
class Mood:
    """How loud it has been."""

    energy: float = 0.45
    place: int = 1
    """of :data:`WORDS`"""

    def after(self, energy: float, seconds: float) -> Mood:
        """A moment later."""
        mean = self.energy + min(1.0, seconds / SECONDS) * (energy - self.energy)
        quiet = QUIET + (STICKY if self.place == 0 else 0.0)
        loud = LOUD - (STICKY if self.place == 2 else 0.0)
        return Mood(mean, 0 if mean < quiet else 2 if mean > loud else 1)

    def worded(self, text: str, config: PipelineConfig, facts: ModelFacts) -> str:
        """A prompt as a model is told it."""
        if facts.chunk is None or not config.stream.motion_words or not WORDS[self.place]:
            return text
        return f"{text}, {WORDS[self.place]}" if text.strip() else text
