"""What the picture shows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from phosphene.config.model import ConfigModel

CHROMA_PROMPTS: tuple[str, ...] = (
    "crimson and gold fire",
    "orange lava",
    "amber and brown marble",
    "golden yellow flowers",
    "lime green leaves",
    "emerald forest",
    "teal ocean waves",
    "cyan ice crystals",
    "azure blue sky",
    "indigo night",
    "violet nebula",
    "magenta and pink neon",
)
"""one prompt per pitch class C..B: a turn round the colour wheel"""


class TimedPrompt(ConfigModel):
    """A prompt that takes over at a time."""

    at: float = Field(ge=0, description="Time in the song, seconds.")
    prompt: str = Field(description="What to draw from then on.")


class PromptConfig(ConfigModel):
    """What the picture shows."""

    base_prompt: str = Field(
        "crimson and gold mandala", description="What to draw. (word:1.3) weighs a word."
    )
    negative_prompt: str = Field(
        "", description="What to stay away from, with guidance full or initialize."
    )
    chroma_prompts: list[str] = Field(
        list(CHROMA_PROMPTS), description="12 prompts, one per pitch class C, C#, ... B."
    )
    chroma_strength: float = Field(
        0.5, ge=0, le=1, description="How far the harmony pulls away from the base prompt (0..1)."
    )
    interpolation: Literal["slerp", "lerp"] = Field("slerp", description="How prompts are blended.")
    blend: Literal["cumulative", "focused"] = Field(
        "cumulative", description="Blend all pitch classes by weight, or lean to the strongest one."
    )
    smooth_seconds: float = Field(
        0.6, ge=0, le=30, description="Time over which the prompt follows the harmony, seconds."
    )
    timeline: list[TimedPrompt] = Field(
        [], description="Prompts that replace the base prompt at given times."
    )
    transition: Literal["glide", "crossfade"] = Field(
        "glide",
        description="How one look, prompt, place or source gives way to the next: gliding through prompts, or"
        " drawn on beside it until it is gone (twice the work meanwhile).",
    )
    transition_seconds: float = Field(
        2.0,
        ge=0,
        le=60,
        description="Length of the change from one prompt to the next, seconds or beats.",
    )
    transition_unit: Literal["seconds", "beats"] = Field(
        "seconds", description="What transition_seconds counts."
    )

    @field_validator("chroma_prompts")
    @classmethod
    def _twelve(cls, value: list[str]) -> list[str]:
        if len(value) != 12:
            raise ValueError(
                f"chroma_prompts needs 12 prompts, one per pitch class; got {len(value)}"
            )
        return value
