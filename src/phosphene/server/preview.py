"""A look or a prompt, seen small before it is taken: a few frames on the shared model, beside the show."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from pydantic import JsonValue

from phosphene.config import PipelineConfig
from phosphene.diffusion.base import BaseDiffusionPipeline
from phosphene.errors import ConfigError
from phosphene.server.refusal import Refusal
from phosphene.show.changes import with_values
from phosphene.show.dream import dream_frames
from phosphene.show.render import RenderOptions
from phosphene.show.sinks.jpeg import fitted, to_jpeg

SECONDS = 0.4
"""after which a picture shows its prompt: about ten frames"""
SIZE = (192, 128)
"""(width, height) of what is sent"""
SHORTEST = 256
"""pixels: smaller no model draws well"""
QUALITY = 82


class Previews:
    """Draws one at a time; what was asked for meanwhile and is not wanted any more is not drawn."""

    def __init__(self, base: object) -> None:
        self._base = base
        self._one = asyncio.Lock()
        self._newest = 0

    async def draw(self, config: PipelineConfig, values: Mapping[str, JsonValue]) -> bytes:
        """A JPEG of what ``values`` would look like. Raises :class:`Refusal`."""
        if not isinstance(self._base, BaseDiffusionPipeline):
            raise Refusal("preview", "previews are drawn where the model is, not here.", 501)
        try:
            config = with_values(config, values)
        except ConfigError as error:
            raise Refusal("config", str(error)) from error
        self._newest += 1
        turn = self._newest
        async with self._one:
            if turn != self._newest:
                raise Refusal("preview", "something newer was asked for.", 409)
            return await asyncio.to_thread(self._drawn, self._base, config)

    def _drawn(self, base: BaseDiffusionPipeline, config: PipelineConfig) -> bytes:
        config = config.model_copy(deep=True)
        facts = base.facts
        side = max(SHORTEST, getattr(facts, "min_size", 0) or 0)
        side = min(facts.max_size, -(-side // facts.size_multiple) * facts.size_multiple)
        config.inference.width = config.inference.height = side
        view = base.view(config.inference.model_copy())
        *_, shown = dream_frames(SECONDS, config, RenderOptions(), base=view)
        return to_jpeg(fitted(shown, SIZE), QUALITY)
