"""What every source gives for a frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from phosphene.audio.moment import FrameFeatures
from phosphene.config import PipelineConfig
from phosphene.show.director import DirectorState

Picture = npt.NDArray[np.uint8]
"""uint8 RGB (height, width, 3), of the size that is drawn"""


@dataclass(frozen=True)
class Given:
    """A frame's share of a source."""

    heard: FrameFeatures
    position: float | None = None
    """seconds in the song, for timed prompts"""
    same: bool = True
    """whether it is the music of the frame before"""
    scenes: int = 0
    """new places that are asked for"""
    controllers: Mapping[str, float] = field(default_factory=dict)
    config: PipelineConfig | None = None
    """settings from here on; None: as they are"""
    picture: Picture | None = None
    """to draw over"""


class Source(Protocol):
    """Frames in order, each asked for once; :meth:`seek` begins elsewhere."""

    fps: float
    num_frames: int
    state: DirectorState
    """of the director before the first frame"""

    @property
    def beat_frames(self) -> Iterable[int]:
        """On which a beat falls, as far as that is known beforehand."""
        ...

    def at(self, frame: int) -> Given:
        """What there is for ``frame``."""
        ...

    def seek(self, frame: int) -> None:
        """Go on with ``frame``."""
        ...
