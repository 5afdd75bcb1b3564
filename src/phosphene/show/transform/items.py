"""What travels from stage to stage of a transform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from phosphene.arrays import Array
from phosphene.diffusion.stream import Key
from phosphene.stream.conditioning import Context

Frame = npt.NDArray[np.uint8]
"""uint8 RGB (height, width, 3)"""
State = dict[str, npt.NDArray[Any]]
"""what the stages remember after a frame, by name"""


@dataclass(frozen=True)
class Shot:
    """A picture of the source and when it is shown."""

    index: int
    """of the frame in the new video"""
    begin: int
    """ticks of the new video's clock"""
    end: int
    """ticks; not shown any more"""
    time: float
    """seconds in the new video"""
    seconds: float
    """how long it is shown"""
    frame: av.VideoFrame
    again: bool
    """whether it is the very picture of the shot before"""
    keep: bool
    """whether the work is to be kept after it: a segment ends"""


@dataclass(frozen=True)
class Motif:
    """A shot as the model will see it."""

    shot: Shot
    sight: Sight | None
    """None: show what was drawn last"""
    state: State | None
    """where ``shot.keep``: what the stages so far remember"""
    passed: Frame | None = None
    """the source's picture where none is drawn: what was drawn before and after it is moved there"""


@dataclass(frozen=True)
class Motion:
    """How a picture came out of the one drawn before it, on a grid of its own."""

    flow: npt.NDArray[np.float32]
    """(2 h w) x and y in pixels of this grid, from here to the picture before"""
    trusted: npt.NDArray[np.float32]
    """(h w) 0..1: how surely each place shows what it showed there"""


@dataclass(frozen=True)
class Sight:
    """What is known about a picture before it is drawn over."""

    image: Frame
    """at the size the model draws"""
    source: Array
    """(1 c h w) the picture's own latent"""
    noise: Array
    """(1 c h w)"""
    embeds: Array
    """(1 seq hidden)"""
    context: Context
    """what else the model is told"""
    strength: float
    """0..1"""
    motion: Motion | None
    """None: hold nothing of the picture drawn before"""
    grey: npt.NDArray[np.float32]
    """(h w) of ``image``, as small as motion is measured on"""


@dataclass(frozen=True)
class Drawn:
    """A picture that is drawn and not yet decoded."""

    shot: Shot
    sight: Sight | None
    """what it was drawn over; None: show what was shown last"""
    key: Key | None
    """None with ``sight``"""
    state: State | None
    passed: Frame | None = None
    """of the motif"""


@dataclass(frozen=True)
class Picture:
    """A finished frame."""

    shot: Shot
    image: Frame
    state: State | None
