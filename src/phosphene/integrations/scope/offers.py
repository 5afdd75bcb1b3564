"""The pipelines that Scope lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from phosphene.config import DiffusionConfig
from phosphene.integrations.scope.configure import checkpoint
from phosphene.integrations.scope.knobs import Knob
from phosphene.integrations.scope.parameters import BUILT_IN, DEFAULT_FILES, STABLE_DIFFUSION
from phosphene.integrations.scope.values import Values


@dataclass(frozen=True, eq=False)
class Offer:
    """One pipeline in Scope's menu."""

    id: str
    name: str
    description: str
    knobs: Sequence[Knob]
    checkpoint: Callable[[Values], DiffusionConfig]
    """which model draws"""
    vram_gb: float | None = None
    loras: bool = False
    """Scope's own panel of LoRAs is shown"""
    models: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """hub id -> files that Scope fetches before the start, showing how far it is"""


OFFERS = (
    Offer(
        "phosphene",
        "Phosphene",
        "Live diffusion with a model that ships in the package: no GPU, no download.",
        BUILT_IN,
        lambda _: DiffusionConfig(),
    ),
    Offer(
        "phosphene-sd",
        "Phosphene Stable Diffusion",
        "SD 1.5, SD-Turbo, SDXL, SDXL-Turbo, SDXL-Lightning or your own model as a live stream.",
        STABLE_DIFFUSION,
        checkpoint,
        vram_gb=5.0,
        loras=True,
        models=DEFAULT_FILES,
    ),
)
