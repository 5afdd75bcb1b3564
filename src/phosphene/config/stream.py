"""How frames hang together, and where they start."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from phosphene.config.model import ConfigModel

GuidanceMode = Literal["none", "full", "self", "initialize"]


class StreamConfig(ConfigModel):
    """How frames hang together."""

    enable_temporal_coherence: bool = Field(
        True, description="Start each frame from the previous picture instead of from nothing."
    )
    temporal_blend_ratio: float = Field(
        0.3, ge=0, le=0.999, description="Share of the previous picture in the next one (0..0.999)."
    )
    adaptive_blending: bool = Field(
        True, description="Loud passages keep less of the previous picture, quiet ones more."
    )
    anchor: float = Field(
        0.25,
        ge=0,
        le=1,
        description="How far each frame is drawn to the shape of its prompt (0: not at all);"
        " for models with such a memory. Attacks draw twice as far.",
    )
    draw_interval: int = Field(
        1,
        ge=1,
        le=8,
        description="Frames from one call of the model to the next where it draws to a firm guide (anchor"
        " 0.75 and more): between them the guide is drawn for every frame, and what the model makes of it"
        " moves on with the camera.",
    )
    pace: float = Field(
        1.0, ge=0, le=4, description="How fast shapes move by themselves (0: stills)."
    )
    cadence: Literal["auto"] | Annotated[int, Field(ge=1, le=48)] = Field(
        1,
        description="Pictures shown for each one the model draws: between two of them the display moves them"
        " along the camera's path, or along the motion of a video that is drawn over. auto: as few as the"
        " machine has time for.",
    )
    denoising_steps: int = Field(1, ge=1, le=8, description="Denoising steps per frame.")
    stream_batch: bool = Field(
        True,
        description="Share each model call between the steps of consecutive frames: several steps for the"
        " time of one on a GPU, shown n - 1 frames later. Off: every frame takes all its steps at once.",
    )
    t_index_list: list[int] | None = Field(
        None, description="For experts: the schedule indices of the steps, noisiest first."
    )
    frame_buffer_size: int = Field(1, ge=1, le=32, description="Frames handed to one model call.")
    strength: float = Field(
        1.0, ge=0, le=1, description="With an input picture: 0 keeps it, 1 ignores it."
    )
    detail: float = Field(
        0.0,
        ge=0,
        le=1,
        description="How much of an input picture's own fine lines goes back over what was drawn (live).",
    )
    stepper: Literal["lcm", "tcd"] = Field(
        "lcm", description="Rule that takes one step to the next."
    )
    tcd_gamma: float = Field(0.3, ge=0, le=1, description="Randomness of TCD steps (0..1).")
    guidance_mode: GuidanceMode = Field(
        "none", description="Residual guidance: none, full (2x cost), self, initialize."
    )
    guidance_scale: float = Field(
        1.0, ge=0, le=20, description="How hard the prompt pulls (1 = off)."
    )
    delta: float = Field(
        1.0, ge=0, le=2, description="Weight of the virtual residual in self guidance."
    )
    add_noise: bool = Field(True, description="Add fresh noise between steps.")
    noise_scale: float = Field(
        1.0, ge=0, le=2, description="How much the music scales the noise (0: not at all)."
    )
    enable_similarity_filter: bool = Field(
        False, description="Skip the model for input frames that look like the last one."
    )
    # at 1 no two pictures would be alike enough
    similarity_threshold: float = Field(
        0.98,
        ge=0,
        le=0.9999,
        description="Cosine similarity from which frames may be skipped (0..1).",
    )
    chunk_frames: Literal["auto"] | Annotated[int, Field(ge=1, le=21)] = Field(
        "auto",
        description="Chunk models: latent frames (of four pictures) drawn together. auto: as the model was"
        " trained; 1 answers soonest.",
    )
    prompt_change: Literal["recache", "morph", "cut"] = Field(
        "recache",
        description="Chunk models: how another prompt comes. recache: at once, the picture goes on; morph:"
        " over some chunks; cut: from nothing.",
    )
    morph_chunks: int = Field(
        4, ge=1, le=64, description="Chunk models: chunks that a morph takes."
    )
    prompt_on_bar: bool = Field(
        True,
        description="Chunk models: another prompt waits for the next bar, 2.5 seconds at most.",
    )
    cut_on_drop: bool = Field(
        True, description="Chunk models: begin from nothing where the music drops in."
    )
    motion_words: bool = Field(
        True,
        description="Chunk models: say in the prompt how things move, slowly or fast, by the loudness.",
    )
    similarity_max_skip: int = Field(10, ge=1, le=600, description="Most frames skipped in a row.")


class LatentConfig(ConfigModel):
    """Where a picture starts: a walk over the sphere of noise."""

    walk: Literal["circle", "spiral"] = Field("circle", description="Path of the walk.")
    note: Literal["half", "beat", "two_beats", "bar"] = Field(
        "beat", description="Musical length of one eased step along the walk."
    )
    distance: float = Field(
        0.25,
        ge=0,
        le=4,
        description="Turn per step at usual loudness, radians; louder beats turn more.",
    )
    drift: float = Field(
        0.15, ge=0, le=4, description="Turn per second that goes on without any beat, radians."
    )
    fresh: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the noise that is new in every frame (0: only the walk moves it). Models that"
        " see their own last picture stay cleaner with much, others flicker with it.",
    )
    spiral_rate: float = Field(
        0.02, ge=0, le=1, description="Spiral only: how fast it leaves its circle, radians a beat."
    )
    scene_per_section: bool = Field(
        True, description="Go to a new place where the song changes section."
    )
