"""Pictures and files: sizes, encoders, what a live show and a transformed video aim at."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from phosphene.config.model import ConfigModel


class InferenceConfig(ConfigModel):
    """Size, seed, batches."""

    height: int = Field(
        256, ge=64, le=4096, multiple_of=8, description="Model's picture height, pixels."
    )
    width: int = Field(
        256, ge=64, le=4096, multiple_of=8, description="Model's picture width, pixels."
    )
    batch_size: int = Field(
        8, ge=1, le=128, description="Pictures per model call in generate_batch."
    )
    num_inference_steps: int = Field(
        4,
        ge=1,
        le=100,
        description="Steps for a picture from pure noise (first frame, generate_batch).",
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Seed of all noise.")


class VideoConfig(ConfigModel):
    """The file that is written."""

    crf: int = Field(
        17, ge=0, le=51, description="H.264 quality: 0 lossless, 17 visually clean, 51 worst."
    )
    encoder_preset: Literal["ultrafast", "superfast", "veryfast", "faster", "medium", "slow"] = (
        Field("veryfast", description="H.264 speed against file size.")
    )
    audio_bitrate: int = Field(192_000, ge=32_000, le=512_000, description="AAC bits per second.")
    segment_seconds: float = Field(
        4.0, ge=0.5, le=120, description="A killed render loses at most this much, seconds."
    )
    limit_flashes: bool = Field(
        True,
        description="Hold flashes under 3 a second (WCAG 2.3.1). Off: strobing can trigger seizures.",
    )


class LiveConfig(ConfigModel):
    """How a live show keeps time."""

    fps: float = Field(30.0, ge=1, le=120, description="Frames per second aimed at.")
    jpeg_quality: int = Field(
        85, ge=30, le=100, description="Quality of the pictures sent to the page (30..100)."
    )
    adapt: bool = Field(
        True, description="Draw less when pictures come late, more again with room."
    )
    lower: Literal["keys", "size"] = Field(
        "keys",
        description="What is lowered first: how many pictures the model draws (the display moves each on"
        " until the next), or how large they are.",
    )
    share_window_ms: float = Field(
        0.0,
        ge=0,
        le=50,
        description="Sessions that ask the model within so many milliseconds share a call (0: in turns).",
    )
    age_limit_ms: float = Field(
        150.0, ge=10, le=2000, description="Frame age from which it steps down, milliseconds."
    )
    latency_offset_ms: float = Field(
        0.0,
        ge=-500,
        le=500,
        description="Show the picture later (+) or earlier (-) than the sound, milliseconds.",
    )
    light: float = Field(
        1.0, ge=0, le=1, description="Master light of everything that is shown (0: dark)."
    )
    blackout: bool = Field(False, description="Let no light out; the show goes on in the dark.")
    freeze: bool = Field(False, description="Hold the picture that is shown.")
    fade_seconds: float = Field(
        0.5, ge=0, le=30, description="How long a blackout takes, and the way back, seconds."
    )


class TransformConfig(ConfigModel):
    """How a video is drawn over."""

    strength: float = Field(
        0.5, ge=0, le=1, description="0 keeps the video's own picture, 1 ignores it."
    )
    steps: int = Field(1, ge=1, le=8, description="Denoising steps per frame.")
    stabilize: float = Field(
        0.5,
        ge=0,
        le=1,
        description="0 draws every frame for itself, 1 holds on to what was drawn wherever the video does"
        " not change.",
    )
    noise: Literal["follow", "fixed"] = Field(
        "follow",
        description="Whether the noise under the drawing follows what moves, so that texture does, or is"
        " fixed to the screen.",
    )
    detail: float = Field(
        0.0,
        ge=0,
        le=1,
        description="How much of the video's own fine lines goes back over what was drawn.",
    )
    batch: int = Field(
        8, ge=1, le=128, description="Frames per model call. Changes the speed, not the picture."
    )
