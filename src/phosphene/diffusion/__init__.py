"""The models, behind one contract."""

from phosphene.diffusion.base import BaseDiffusionPipeline, ModelFacts
from phosphene.diffusion.lsd.pipeline import LSDPipeline
from phosphene.diffusion.registry import load_pipeline
from phosphene.diffusion.sd.sd15 import SD15Pipeline
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.stream.conditioning import Context

__all__ = [
    "BaseDiffusionPipeline",
    "Context",
    "LSDPipeline",
    "ModelFacts",
    "SD15Pipeline",
    "StreamDiffusionPipeline",
    "load_pipeline",
]
