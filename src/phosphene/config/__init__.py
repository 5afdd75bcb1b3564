"""Typed, validated settings: presets in code, TOML on disk, a schema for the page and the plugin.

Every field says its unit and meaning in its description, because controls are built from the schema.
"""

from phosphene.config.audio import AudioConfig
from phosphene.config.diffusion import DeviceName, DiffusionConfig, FamilyName, LoraConfig
from phosphene.config.model import ConfigModel, explain
from phosphene.config.motion import CameraConfig, ReactConfig, Route
from phosphene.config.output import InferenceConfig, LiveConfig, TransformConfig, VideoConfig
from phosphene.config.pipeline import PipelineConfig
from phosphene.config.prompt import CHROMA_PROMPTS, PromptConfig, TimedPrompt
from phosphene.config.stream import GuidanceMode, LatentConfig, StreamConfig

__all__ = [
    "CHROMA_PROMPTS",
    "AudioConfig",
    "CameraConfig",
    "ConfigModel",
    "DeviceName",
    "DiffusionConfig",
    "FamilyName",
    "GuidanceMode",
    "InferenceConfig",
    "LatentConfig",
    "LiveConfig",
    "LoraConfig",
    "PipelineConfig",
    "PromptConfig",
    "ReactConfig",
    "Route",
    "StreamConfig",
    "TimedPrompt",
    "TransformConfig",
    "VideoConfig",
    "explain",
]
