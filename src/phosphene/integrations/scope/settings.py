"""A wish and a loaded model make settings that can be drawn."""

from __future__ import annotations

from phosphene.config import PipelineConfig
from phosphene.config.fields import nearest
from phosphene.diffusion.base import BaseDiffusionPipeline, ModelFacts
from phosphene.diffusion.notices import say_once
from phosphene.integrations.scope.configure import configured
from phosphene.integrations.scope.offers import Offer
from phosphene.integrations.scope.orders import Wish


def wanted(offer: Offer, wish: Wish) -> PipelineConfig:
    """What the user has set. Raises :class:`~phosphene.errors.PhospheneError` for a bad checkpoint."""
    config = configured(wish.values, offer.checkpoint(wish.values))
    if offer.loras:
        config.diffusion.loras = [lora.model_copy() for lora in wish.loras]
    config.prompt.suggest(base_prompt=wish.text)
    if wish.seconds is not None:
        config.prompt.transition_seconds = nearest("prompt.transition_seconds", wish.seconds)
    return config


def fitted(config: PipelineConfig, base: BaseDiffusionPipeline) -> PipelineConfig:
    """The same for the model in force: its size limits, and its own suggestions where nothing is set."""
    config = config.model_copy(deep=True)
    config.diffusion = base.diffusion_config
    type(base).suggest(config)
    size, facts = config.inference, base.facts
    asked = size.width, size.height
    size.width, size.height = (_side(pixels, facts) for pixels in asked)
    if (size.width, size.height) != asked:
        say_once(
            f"{facts.name} draws multiples of {facts.size_multiple} pixels up to {facts.max_size}:"
            f" {size.width}x{size.height} instead of {asked[0]}x{asked[1]}."
        )
    return config


def _side(pixels: int, facts: ModelFacts) -> int:
    most = facts.max_size // facts.size_multiple * facts.size_multiple
    return min(
        most, max(facts.size_multiple, round(pixels / facts.size_multiple) * facts.size_multiple)
    )
