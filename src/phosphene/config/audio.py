"""How the sound is heard."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from phosphene.config.model import ConfigModel


class AudioConfig(ConfigModel):
    """How the sound is heard."""

    backend: Literal["numpy", "librosa"] = Field(
        "numpy",
        description="Analysis library. numpy needs nothing else; librosa is the extra [librosa].",
    )
    fps: float = Field(
        24.0, ge=1, le=240, description="Video frames per second of the features (Hz)."
    )
    sample_rate: int = Field(
        22050, ge=8000, le=96000, description="Rate the sound is analysed at (Hz)."
    )
    tempo_multiplier: float = Field(
        1.0,
        description="Half (0.5), keep (1) or double (2) the tempo that was found.",
        json_schema_extra={"enum": [0.5, 1.0, 2.0]},
    )
    tempo_min: float = Field(50.0, ge=20, le=300, description="Slowest tempo looked for (BPM).")
    tempo_max: float = Field(210.0, ge=40, le=400, description="Fastest tempo looked for (BPM).")
    beat_offset_ms: float = Field(
        0.0, ge=-500, le=500, description="Shift every beat later (+) or earlier (-), milliseconds."
    )
    attack_ms: float = Field(
        20.0, ge=0, le=2000, description="How fast the bands rise with the sound, milliseconds."
    )
    release_ms: float = Field(
        250.0, ge=0, le=5000, description="How slowly the bands fall back, milliseconds."
    )
    average_seconds: float = Field(
        4.0,
        ge=0.5,
        le=60,
        description="Span of the long average that loudness is relative to, seconds.",
    )
    section_sensitivity: float = Field(
        0.5, ge=0, le=1, description="0 never finds a new section, 1 finds many."
    )

    @field_validator("tempo_multiplier")
    @classmethod
    def _octave(cls, value: float) -> float:
        if value not in (0.5, 1.0, 2.0):
            raise ValueError(f"tempo_multiplier must be 0.5, 1 or 2; got {value:g}")
        return value

    @model_validator(mode="after")
    def _tempo_range(self) -> Self:
        if self.tempo_max < 2 * self.tempo_min:
            raise ValueError(
                f"tempo_max ({self.tempo_max:g}) must be at least twice tempo_min ({self.tempo_min:g}),"
                " so that every tempo has an octave inside the range"
            )
        return self
