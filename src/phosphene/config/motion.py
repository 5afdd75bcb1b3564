"""How the picture moves, and how it answers the sound."""

from __future__ import annotations

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
        0.5, ge=0, le=4, description="Extra zoom on every attack of the bass."
    )


class ReactConfig(ConfigModel):
    """How strongly the picture answers the sound."""

    reactivity: float = Field(
        1.0, ge=0, le=4, description="One knob over all of them (1 = as designed)."
    )
    bass_gain: float = Field(1.0, ge=0, le=4, description="Gain of the bass, 20-320 Hz.")
    mid_gain: float = Field(1.0, ge=0, le=4, description="Gain of the mids, 320-2800 Hz.")
    treble_gain: float = Field(1.0, ge=0, le=4, description="Gain of the treble, 2800-11025 Hz.")
