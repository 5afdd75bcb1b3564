"""Which prompt is in force, and the way from one to the next: the one easing there is."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace

from phosphene.config import PromptConfig
from phosphene.latent.walks import ease_out

Texts = tuple[str, ...]
"""prompts that are drawn as a group: a single one, or the twelve of the harmony"""
MOST = 8
"""groups on their way at a time; of more, those with the least left go"""
NOTHING = 1 / 500
"""a share too small to see"""


@dataclass(frozen=True)
class Fade:
    """From one group of prompts to the next, fastest at the start; a change on the way goes on from there.

    Held as shares of groups, so that embeddings and palettes are mixed alike and a state is a few words.
    """

    goal: Texts = ()
    start: tuple[tuple[Texts, float], ...] = ()
    """what was shown when the change began, shares of sum 1; nothing before the first prompt"""
    since: float = 0.0
    """seconds"""

    def shares(self, seconds: float) -> tuple[tuple[Texts, float], ...]:
        """What is shown now, shares of sum 1, of a change that takes ``seconds``."""
        if not self.start or self.since >= seconds:
            return ((self.goal, 1.0),)
        done = ease_out(self.since / seconds)
        left = {group: share * (1.0 - done) for group, share in self.start}
        left[self.goal] = left.get(self.goal, 0.0) + done
        return tuple(left.items())

    def towards(self, goal: Texts, dt: float, seconds: float) -> Fade:
        """``dt`` seconds later, on the way to ``goal``."""
        if goal == self.goal:
            now = replace(self, since=self.since + dt)
            return replace(now, start=()) if now.since >= seconds else now
        if not self.goal:
            return Fade(goal)
        shown = replace(self, since=self.since + dt).shares(seconds)
        kept = sorted((each for each in shown if each[1] > NOTHING), key=lambda each: -each[1])[
            :MOST
        ]
        total = sum(share for _, share in kept)
        return Fade(goal, tuple((group, share / total) for group, share in kept))


@dataclass(frozen=True)
class Script:
    """Which text is to be drawn: the timeline's, until the performer writes another one."""

    text: str = ""
    base: str | None = None
    """the base prompt as it was; None before the first moment"""
    timeline: tuple[tuple[float, str], ...] = ()
    """(seconds in the song, prompt), in order"""
    reached: int = 0

    @property
    def following(self) -> str | None:
        """The text that the timeline comes to next, so that it can be encoded in time."""
        after = self.timeline[self.reached :]
        return after[0][1] if after else None


def follow(script: Script, config: PromptConfig, position: float | None) -> Script:
    """What is to be drawn at ``position`` seconds in the song; without a song the base prompt.

    A new base prompt wins until the timeline comes to its next entry.
    """
    timeline = tuple(sorted((entry.at, entry.prompt) for entry in config.timeline))
    text = script.text
    if config.base_prompt != script.base:
        text = config.base_prompt
    reached = 0
    if position is not None:
        reached = bisect_right(timeline, position, key=lambda entry: entry[0])
    begins = script.base is None or timeline != script.timeline
    if begins or reached != script.reached:
        text = timeline[reached - 1][1] if reached else config.base_prompt
    return Script(text, config.base_prompt, timeline, reached)


def texts_of(config: PromptConfig) -> list[Texts]:
    """Every group that a show with these settings may come to."""
    plain = [config.base_prompt, *(entry.prompt for entry in config.timeline)]
    return [*((text,) for text in plain), tuple(config.chroma_prompts)]
