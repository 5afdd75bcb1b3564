"""What one frame is told."""

from __future__ import annotations

from dataclasses import dataclass

from phosphene.arrays import Array
from phosphene.stream.camera import CameraMove
from phosphene.stream.conditioning import Context


@dataclass(frozen=True)
class Cue:
    """Everything the engine needs for one frame."""

    frame: int
    time: float
    """seconds on the show's clock"""
    latent: Array
    """(1, c, h, w) unit-variance noise to start from"""
    embeds: Array
    """(1, seq, hidden) prompt embedding"""
    energy: float
    noise_scale: float
    context: Context
    """what the model is told beside noise and prompt"""
    camera: CameraMove
    anchor: Array | None
    """(1, c, h, w) remembered picture of the prompt, for models that have a memory"""
    anchor_weight: float
    """0..1: how far the previous picture is drawn back to it"""
    cut: bool
    """start afresh instead of from the previous picture"""
    source: Array | None = None
    """(1, c, h, w) clean latent of an input picture to start from instead of the previous one"""
    forget: bool = False
    """another prompt begins: what is remembered of long ago counts no more"""
