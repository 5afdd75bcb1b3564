"""Prompts that replace each other at given times."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

from phosphene.arrays import Array
from phosphene.config import PromptConfig
from phosphene.namespaces import evaluate
from phosphene.prompt.blend import mix


def smoothstep(t: float) -> float:
    """Eased 0..1 with no speed at either end."""
    return t * t * (3 - 2 * t)


class PromptTimeline:
    """The base prompt's embedding at any time, eased over ``transition_seconds`` at each change.

    Args:
        config: base prompt and timed prompts.
        encode: text -> (1, seq, hidden); called once per prompt, not per frame.
    """

    def __init__(self, config: PromptConfig, encode: Callable[[str], Array]) -> None:
        cues = sorted(config.timeline, key=lambda cue: cue.at)
        self._times = [cue.at for cue in cues]
        texts = [config.base_prompt, *(cue.prompt for cue in cues)]
        self.embeds = [encode(text)[0] for text in texts]
        evaluate(self.embeds)
        self._seconds = config.transition_seconds
        self._method = config.interpolation

    def index_at(self, seconds: float) -> int:
        """Which of ``embeds`` is in force, or being changed to, at ``seconds``."""
        return bisect_right(self._times, seconds)

    def at(self, seconds: float) -> Array:
        """Embedding (seq, hidden) at ``seconds`` in the song."""
        current = self.index_at(seconds)
        embed = self.embeds[current]
        if current == 0:
            return embed
        since = seconds - self._times[current - 1]
        if since >= self._seconds:
            return embed
        progress = smoothstep(since / self._seconds)
        return mix(self.embeds[current - 1], embed, progress, self._method)
