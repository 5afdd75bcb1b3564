"""How the picture moves, and how it answers the sound."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from phosphene.config.model import ConfigModel


class CameraConfig(ConfigModel):
    """How the previous picture moves before the next step."""

    zoom: float = Field(
        0.4, ge=-4, le=4, description="Zoom at usual loudness, doublings a second x 0.1."
    )
    rotate: float = Field(2.0, ge=-180, le=180, description="Turn, degrees a second.")
    pan_x: float = Field(
        0.0, ge=-2, le=2, description="Drift to the right, picture widths a second."
    )
    pan_y: float = Field(0.0, ge=-2, le=2, description="Drift downwards, picture widths a second.")
    warp: float = Field(
        0.3, ge=0, le=4, description="Ripple that breathes with the mid band (0: none)."
    )
    beat_punch: float = Field(
        0.5, ge=0, le=4, description="Extra zoom on attacks of the bass, most on the beat."
    )


class Route(ConfigModel):
    """A setting that something heard, counted or turned moves: its value plus gain x source."""

    source: str = Field(
        description="What moves it, 0..1: a feature by name (bass, onset, chroma.A ...), lfo, random (anew"
        " every beat), or controller:NAME."
    )
    target: str = Field(description="The setting, by path: camera.zoom.")
    gain: float = Field(1.0, ge=-100, le=100, description="How much of the source is added.")
    range: tuple[float, float] | None = Field(
        None, description="Least and most that the setting becomes (default: its own bounds)."
    )
    attack: float = Field(0.0, ge=0, le=60, description="Time it takes to rise, seconds.")
    release: float = Field(0.0, ge=0, le=60, description="Time it takes to fall, seconds.")
    curve: float = Field(
        1.0,
        ge=0.1,
        le=10,
        description="Power of the source: 2 answers to what is strong, 0.5 to all.",
    )
    quantise: Literal["none", "beat", "bar"] = Field(
        "none", description="Hold each value until the next beat or bar."
    )
    beats: float = Field(4.0, gt=0, le=1024, description="Length of an lfo's turn, beats.")
    shape: Literal["sine", "triangle", "saw", "square"] = Field(
        "sine", description="How an lfo goes from 0 to 1 and back."
    )


class ReactConfig(ConfigModel):
    """How strongly the picture answers the sound."""

    mapping: str = Field(
        "default",
        description="What the music does to the picture: a mapping by name; packages add theirs.",
    )
    routes: list[Route] = Field(
        [],
        description="Settings that something heard, counted or turned moves, on top of the mapping.",
    )

    reactivity: float = Field(
        1.0, ge=0, le=4, description="One knob over all of them (1 = as designed)."
    )
    off_beat: float = Field(
        0.35,
        ge=0,
        le=1,
        description="Of an attack between two beats, how much flashes and punches (on a beat: all of it).",
    )
    bass_gain: float = Field(1.0, ge=0, le=4, description="Gain of the bass, 20-320 Hz.")
    mid_gain: float = Field(1.0, ge=0, le=4, description="Gain of the mids, 320-2800 Hz.")
    treble_gain: float = Field(1.0, ge=0, le=4, description="Gain of the treble, 2800-11025 Hz.")
