"""Everything in one: presets in code, TOML on disk."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Self

import tomli_w
from pydantic import Field, ValidationError

from phosphene.config.audio import AudioConfig
from phosphene.config.diffusion import DiffusionConfig
from phosphene.config.model import ConfigModel, explain
from phosphene.config.motion import CameraConfig, ReactConfig
from phosphene.config.output import InferenceConfig, LiveConfig, TransformConfig, VideoConfig
from phosphene.config.prompt import PromptConfig
from phosphene.config.stream import LatentConfig, StreamConfig
from phosphene.errors import ConfigError
from phosphene.text import read_text


class PipelineConfig(ConfigModel):
    """Everything, nested."""

    audio: AudioConfig = Field(default_factory=AudioConfig, description="How the sound is heard.")
    diffusion: DiffusionConfig = Field(
        default_factory=DiffusionConfig, description="Which model draws."
    )
    stream: StreamConfig = Field(
        default_factory=StreamConfig, description="How frames hang together."
    )
    latent: LatentConfig = Field(
        default_factory=LatentConfig, description="Where a picture starts."
    )
    prompt: PromptConfig = Field(
        default_factory=PromptConfig, description="What the picture shows."
    )
    camera: CameraConfig = Field(default_factory=CameraConfig, description="How the picture moves.")
    react: ReactConfig = Field(default_factory=ReactConfig, description="How it answers the sound.")
    inference: InferenceConfig = Field(
        default_factory=InferenceConfig, description="Size and seed."
    )
    video: VideoConfig = Field(default_factory=VideoConfig, description="The file that is written.")
    live: LiveConfig = Field(default_factory=LiveConfig, description="How a live show keeps time.")
    transform: TransformConfig = Field(
        default_factory=TransformConfig, description="How a video is drawn over."
    )

    @classmethod
    def fast_preset(cls) -> Self:
        """Fastest picture: small, one step."""
        return cls(
            stream=StreamConfig(denoising_steps=1),
            inference=InferenceConfig(height=192, width=192),
            video=VideoConfig(encoder_preset="ultrafast"),
        )

    @classmethod
    def balanced_preset(cls) -> Self:
        """The default: one step, the model's own size; faster than the song on two cores."""
        return cls()

    @classmethod
    def quality_preset(cls) -> Self:
        """Largest native picture and two steps; slower than the song on a small machine."""
        return cls(
            audio=AudioConfig(fps=30),
            stream=StreamConfig(denoising_steps=2),
            inference=InferenceConfig(height=512, width=512, num_inference_steps=8),
            video=VideoConfig(crf=15, encoder_preset="medium"),
        )

    @classmethod
    def preset(cls, name: str) -> Self:
        """Preset by name: fast, balanced or quality."""
        makers = {
            "fast": cls.fast_preset,
            "balanced": cls.balanced_preset,
            "quality": cls.quality_preset,
        }
        if name not in makers:
            raise ConfigError(f"unknown preset '{name}': choose one of {', '.join(makers)}.")
        return makers[name]()

    @classmethod
    def from_toml(cls, path: str | Path, base: PipelineConfig | None = None) -> Self:
        """Read a TOML file over ``base`` (default: the balanced preset)."""
        try:
            given = tomllib.loads(read_text(path, "config", ConfigError))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path} is not valid TOML: {error}.") from error
        except RecursionError as error:
            raise ConfigError(f"{path} is nested too deeply to be settings.") from error
        return cls.from_dict(given, base)

    @classmethod
    def from_dict(cls, given: dict[str, Any], base: PipelineConfig | None = None) -> Self:
        """Validate nested ``given`` laid over ``base``; raises :class:`ConfigError` in one sentence."""
        base = base or cls()
        # what nobody set stays unset, so that a model may still suggest its own
        start = {
            name: getattr(base, name).model_dump(exclude_unset=True) for name in cls.model_fields
        }
        try:
            return cls.model_validate(_merge(start, given))
        except ValidationError as error:
            raise ConfigError(explain(error)) from error

    def to_toml(self, path: str | Path) -> None:
        """Write all settings; unset optional ones are left out."""
        Path(path).write_text(self.dumps_toml(), encoding="utf-8")

    def dumps_toml(self) -> str:
        """All settings as TOML text."""
        return tomli_w.dumps(self.model_dump(exclude_none=True))


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in over.items():
        nested = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = _merge(out[key], value) if nested else value
    return out
