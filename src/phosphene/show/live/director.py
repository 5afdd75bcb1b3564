"""From what is heard now to the cue of the next frame: the offline director's rules, live."""

from __future__ import annotations

import math
from dataclasses import replace

from phosphene.arrays import Array
from phosphene.config import PipelineConfig
from phosphene.diffusion.base import BaseDiffusionPipeline
from phosphene.latent import LatentGenerator
from phosphene.prompt import PromptInterpolator
from phosphene.prompt.harmony import HarmonyFollower
from phosphene.show.cue import Cue
from phosphene.show.director import make_cue
from phosphene.show.live.heard import Heard
from phosphene.show.live.journey import Journey
from phosphene.show.live.prompts import Ease, PromptBook, TextInForce
from phosphene.show.mapping import POSE_TURN, default_mapping, travelled
from phosphene.stream.conditioning import Context

LONGEST_FRAME = 0.25
"""seconds; after a longer pause the show goes on as if it had been this long"""
SHORTEST_FRAME = 1 / 240


class LiveDirector:
    """Makes one cue after the other; what it holds does not grow with the show.

    Settings may change between any two cues, and nothing jumps: turns, walks and prompts go on from
    where they are.
    """

    def __init__(
        self, base: BaseDiffusionPipeline, config: PipelineConfig, book: PromptBook
    ) -> None:
        self._base = base
        self._book = book
        self._journey = Journey()
        self._walk = LatentGenerator(config.latent, seed=config.inference.seed)
        self._harmony = HarmonyFollower()
        self._base_ease, self._chroma_ease = Ease(), Ease()
        self._text = TextInForce(config.prompt)
        self._drawn: tuple[str, Array] | None = None
        self._shown: str | None = None
        self._chroma: Array | None = None
        self._frame = 0
        self._time = 0.0
        self._turned = 0.0
        self._travelled = self._moved = 0.0
        self._last: tuple[float, object] | None = None
        self.configure(config)

    def configure(self, config: PipelineConfig) -> None:
        """Direct by other settings from the next cue on."""
        self._config = config
        self._mapping = default_mapping(config)
        self._blend = PromptInterpolator(config.prompt)
        self._text.configure(config.prompt)
        if self._walk.seed != config.inference.seed:
            self._walk = LatentGenerator(config.latent, seed=config.inference.seed)
        # the same walk goes on: its axes are drawn once
        self._walk.config = config.latent

    @property
    def goal(self) -> Array | None:
        """Embedding of the text that is drawn, or on its way."""
        return None if self._drawn is None else self._drawn[1]

    def scene(self) -> None:
        """Go to a new place now."""
        self._journey.scene()

    def cue(
        self,
        heard: Heard,
        now: float,
        source: Array | None = None,
        control: Array | None = None,
    ) -> Cue | None:
        """The cue at ``now`` seconds; None while no prompt has been encoded yet.

        ``source`` (1 c h w) is an input picture's latent, ``control`` (1 3 height width) what else it
        tells the model.
        """
        prompt = self._prompt(heard, now)
        if prompt is None:
            return None
        text, goal, base, chroma = prompt
        config, shape = self._config, self._base.get_latent_shape()
        seconds, same = self._pass(heard, now)
        here = self._journey.advance(heard.moment, seconds, config.latent, same)
        before, self._travelled = self._travelled, travelled(self._time, self._journey.beats)
        self._moved += config.stream.pace * (self._travelled - before)
        moment = replace(
            heard.moment,
            frame=self._frame,
            time=self._time,
            fps=1.0 / seconds,
            beat_position=self._journey.beats,
        )
        reaction = self._mapping(moment)
        if source is not None and config.stream.strength < 1.0:
            # what is seen takes the place of what is remembered: it keeps its shapes even where the
            # strength leaves little of it in the start, and the prompt gives the colours
            anchor: Array | None = source
        else:
            variant = config.inference.seed + self._journey.shape
            pose = replace(reaction.pose, rotate=self._turned)
            anchor = self._base.recall(goal, variant, pose, self._moved)
        weights = self._harmony.follow(moment.chroma, seconds, config.prompt)
        cue = make_cue(
            moment,
            reaction,
            here,
            self._walk.get_latent_at_place(here, self._frame, shape),
            self._blend.blend(weights, base, chroma),
            anchor,
        )
        self._frame += 1
        forget, self._shown = self._shown not in (None, text), text
        told = cue.context.told(Context(control=control))
        return replace(cue, source=source, context=told, forget=forget)

    def _pass(self, heard: Heard, now: float) -> tuple[float, bool]:
        """Seconds since the last cue, and whether the same music still plays."""
        if self._last is None:
            seconds, same = 1.0 / self._config.live.fps, True
        else:
            then, origin = self._last
            seconds = min(LONGEST_FRAME, max(SHORTEST_FRAME, now - then))
            same = heard.origin is origin
            self._time += seconds
            self._turned += math.radians(self._config.camera.rotate) * POSE_TURN * seconds
        self._last = now, heard.origin
        return seconds, same

    def _prompt(self, heard: Heard, now: float) -> tuple[str, Array, Array, Array] | None:
        """The text drawn, its embedding, and those of base and chroma on their way there."""
        config = self._config.prompt
        text = self._text.at(heard.position)
        following = self._text.following
        if following is not None:
            self._book.get((following,))
        found = self._book.get((text,))
        if found is not None:
            self._drawn = text, found
        chroma = self._book.get(tuple(config.chroma_prompts))
        self._chroma = self._chroma if chroma is None else chroma
        if self._drawn is None or self._chroma is None:
            return None
        text, goal = self._drawn
        seconds, method = config.transition_seconds, config.interpolation
        base = self._base_ease.towards(goal, now, seconds, method)
        return text, goal, base, self._chroma_ease.towards(self._chroma, now, seconds, method)
