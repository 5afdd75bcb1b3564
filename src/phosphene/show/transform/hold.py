"""What was drawn stays as it is where the video does."""

from __future__ import annotations

import numpy as np
from PIL import Image

from phosphene.show.detail import changed
from phosphene.show.transform.items import Frame, Motion
from phosphene.stream.arrays import HostArray
from phosphene.stream.resize import resize
from phosphene.video.motion.optical_flow import halve, resize_flow, sample
from phosphene.video.motion.steady import alike, hold


class Holder:
    """Draws pictures back to the one before, moved along the video's motion, where that explains the video.

    Works at half the size: what is finer is each picture's own, so that nothing blurs however often
    it was moved. ``stabilize`` is the knob, 0..1.
    """

    def __init__(self, stabilize: float) -> None:
        self._stabilize = stabilize
        self.held: HostArray | None = None
        """(3 h/2 w/2) the last picture, levels"""

    def __call__(self, drawn: Frame, motion: Motion | None) -> Frame:
        """uint8 RGB (h, w, 3) as it was drawn -> as it is shown."""
        if self._stabilize <= 0:
            return drawn
        small = np.stack([halve(plane) for plane in np.moveaxis(drawn, -1, 0).astype(np.float32)])
        if motion is None or self.held is None or self.held.shape != small.shape:
            self.held = small
            return drawn
        height, width = small.shape[-2:]
        before = sample(self.held, resize_flow(motion.flow, height, width))
        trusted = resize(motion.trusted, height, width) * alike(small, before)
        self.held = hold(small, before, trusted, self._stabilize)
        change = _enlarged(self.held - small, drawn.shape[1], drawn.shape[0])
        return changed(drawn, change)


def _enlarged(planes: HostArray, width: int, height: int) -> HostArray:
    """(c h w) -> (height width c), bilinear."""
    size, smooth = (width, height), Image.Resampling.BILINEAR
    return np.stack([np.asarray(Image.fromarray(p).resize(size, smooth)) for p in planes], axis=-1)
