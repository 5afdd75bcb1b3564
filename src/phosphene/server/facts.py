"""The loaded model, as clients hear of it."""

from __future__ import annotations

from phosphene.diffusion import BasePipeline
from phosphene.server.protocol import Model
from phosphene.show.live import Players


def model_facts(base: BasePipeline | Players) -> Model:
    """Name and sizes of the model that draws."""
    facts = base.facts
    return Model(name=facts.name, max_size=facts.max_size, size_multiple=facts.size_multiple)
