"""A toy that looks at everything it may be shown, as the built-in model's present kind does."""

from __future__ import annotations

from dataclasses import replace

from phosphene.stream.memory import SLOTS
from tests.stream.toy import ToyPipeline


class RememberingToy(ToyPipeline):
    """Depends on the output before the last, on the memory with its ages, and on the source."""

    @property
    def facts(self):
        return replace(super().facts, memory_slots=SLOTS, follows_source=True)

    def denoise(self, latents, timesteps, embeds, context):
        out = super().denoise(latents, timesteps, embeds, context)
        for picture, share in ((context.before, 0.1), (context.source, 0.3)):
            out = out if picture is None else out + share * picture
        if context.memory is not None:
            weight = (context.memory_age / (1 + context.memory_age))[..., None, None, None]
            out = out + 0.05 * (weight * context.memory).sum(1)
        return out
