"""Cues of a show under way: the director's steps, on this machine's clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from phosphene.arrays import Array
from phosphene.config import PipelineConfig
from phosphene.diffusion.base import BasePipeline
from phosphene.diffusion.notices import say_once
from phosphene.latent import LatentGenerator
from phosphene.prompt.book import PromptBook
from phosphene.show.crossfade import Crossfade
from phosphene.show.cue import Cue
from phosphene.show.director import DirectorState, Inputs, ready
from phosphene.show.live.feature_frame import FeatureFrame
from phosphene.show.mapping import Mappings
from phosphene.stream.conditioning import UNTOLD, Context

LONGEST_FRAME = 0.25
"""seconds; after a longer pause the show goes on as if it had been this long"""
SLOWEST = 2.0
"""the same for a model that always takes long"""
WEIGHT = 0.3
"""of the last time in the usual one"""
SHORTEST_FRAME = 1 / 240
NEXT = 1.5
"""frames: a picture that comes sooner is the next one, a little late"""


class LiveCues:
    """One cue after the other; ``config`` may be replaced between any two."""

    def __init__(
        self,
        model: BasePipeline,
        config: PipelineConfig,
        book: PromptBook,
        complain: Callable[[str], None] = say_once,
    ) -> None:
        self.config = config
        self.state = DirectorState()
        self.goal: Array | None = None
        """(1 seq hidden) of the prompt that is drawn, or on its way"""
        noise = LatentGenerator(config.latent, seed=config.inference.seed)
        self._inputs = Inputs(model, noise, book, Mappings(config, complain))
        self.controllers: dict[str, float] = {}
        """0..1 by name, for routes"""
        self._scenes = 0
        self._looks = Crossfade(complain=complain)
        self._last: tuple[float, object] | None = None
        self._usual = 0.0
        """seconds between two cues"""

    def scene(self) -> None:
        """Go to a new place with the next cue."""
        self._scenes += 1

    def cue(
        self,
        heard: FeatureFrame,
        now: float,
        source: Array | None = None,
        told: Context = UNTOLD,
    ) -> Cue | None:
        """The cue at ``now`` seconds; None while no prompt has been encoded yet.

        ``source`` (1 c h w) is an input picture's latent, ``told`` what else it tells the model.
        """
        dt, same = 1.0 / self.config.live.fps, True
        if self._last is not None:
            then, origin = self._last
            longest = min(SLOWEST, max(LONGEST_FRAME, 2.0 * self._usual))
            dt = min(longest, max(SHORTEST_FRAME, now - then))
            same = heard.origin is origin
        inputs = replace(
            self._inputs,
            source=source,
            told=told,
            position=heard.position,
            same=same,
            scenes=self._scenes,
            controllers=self.controllers,
        )
        if not ready(self.state, inputs, self.config):
            return None
        if self._last is not None:
            self._usual += WEIGHT * (min(SLOWEST, now - self._last[0]) - self._usual)
        self._last, self._scenes = (now, heard.origin), 0
        self.state, cue = self._looks.step(self.state, heard.moment, dt, inputs, self.config)
        self.goal = cue.goal
        # what a slow model skips has happened all the same
        span = dt * self.config.live.fps
        if span <= NEXT:
            return cue
        left = None if cue.left is None else replace(cue.left, span=span)
        return replace(cue, span=span, left=left)
