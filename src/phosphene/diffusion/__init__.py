"""The models, behind one contract."""

from phosphene.diffusion.base import BaseDiffusionPipeline, BasePipeline, ModelFacts
from phosphene.diffusion.chunk import ChunkPipeline
from phosphene.diffusion.lsd.pipeline import LSDPipeline
from phosphene.diffusion.registry import load_pipeline
from phosphene.diffusion.sd.sd15 import SD15Pipeline
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.stream.conditioning import Context

__all__ = [
    "BaseDiffusionPipeline",
    "BasePipeline",
    "ChunkPipeline",
    "Context",
    "LSDPipeline",
    "ModelFacts",
    "SD15Pipeline",
    "StreamDiffusionPipeline",
    "load_pipeline",
]
