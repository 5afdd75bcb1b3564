"""Phosphene: music becomes diffusion video while it plays."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from phosphene.quiet import quieten

quieten()

__version__ = "0.1.0"

# public name -> module that holds it; loaded on first use, so that `import phosphene` stays light
_PUBLIC = {
    "AudioAnalyzer": "phosphene.audio",
    "AudioFeatures": "phosphene.audio",
    "PipelineConfig": "phosphene.config",
    "LatentGenerator": "phosphene.latent",
    "PromptInterpolator": "phosphene.prompt",
    "StreamDiffusionPipeline": "phosphene.diffusion",
    "render": "phosphene.show",
    "transform": "phosphene.show.transform",
    "transform_frames": "phosphene.show.transform",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'phosphene' has no attribute '{name}'")
    return getattr(import_module(_PUBLIC[name]), name)
