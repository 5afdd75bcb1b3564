"""What one frame is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from phosphene.arrays import Array
from phosphene.config import StreamConfig
from phosphene.stream.camera import CameraMove
from phosphene.stream.conditioning import Context
from phosphene.stream.entry import ChunkCue

if TYPE_CHECKING:
    from phosphene.show.crossfade import Left


@dataclass(frozen=True)
class Cue:
    """Everything the engine needs for one frame."""

    frame: int
    time: float
    """seconds on the show's clock"""
    latent: Array | None
    """(1, c, h, w) unit-variance noise to start from; None: the seed's own, the same every frame"""
    embeds: Array
    """(1, seq, hidden) prompt embedding"""
    energy: float
    noise_scale: float
    context: Context
    """what the model is told beside noise and prompt"""
    camera: CameraMove
    anchor: Array | None
    """(1, c, h, w) guide of the prompt, for models that have a memory"""
    anchor_weight: float
    """0..1: how far the previous picture is drawn back to it"""
    cut: bool
    """start afresh instead of from the previous picture"""
    source: Array | None = None
    """(1, c, h, w) clean latent of an input picture to start from instead of the previous one"""
    goal: Array | None = None
    """(1, seq, hidden) of the prompt that is drawn, or on its way: what input pictures are recoloured for"""
    stream: StreamConfig | None = None
    """settings of this frame alone, where routes move them"""
    span: float = 1.0
    """frames since the one drawn before: what happens in a frame has happened so often"""
    forget: bool = False
    """another prompt begins: what is remembered of long ago counts no more"""
    chunk: ChunkCue | None = None
    """for models that draw chunks"""
    left: Cue | None = None
    """of a look that is being left, at the same moment"""
    leaving: Left | None = None
    """what that look remembers; see :mod:`phosphene.show.crossfade`"""
    share: float = 1.0
    """0..1: how far this one has taken over"""
