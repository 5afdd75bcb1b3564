"""What one frame is told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phosphene.arrays import Array
from phosphene.stream.camera import CameraMove


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
    controls: npt.NDArray[np.float32]
    """(5,) bass, mid, treble, onset, beat phase"""
    camera: CameraMove
    anchor: Array | None
    """(1, c, h, w) remembered picture of the prompt, for models that have a memory"""
    anchor_weight: float
    """0..1: how far the previous picture is drawn back to it"""
    cut: bool
    """start afresh instead of from the previous picture"""
    source: Array | None = None
    """(1, c, h, w) clean latent of an input picture to start from instead of the previous one"""
    control: Array | None = None
    """(1, 3, height, width) what else the input picture tells, for models with a control net"""
    forget: bool = False
    """another prompt begins: what is remembered of long ago counts no more"""
