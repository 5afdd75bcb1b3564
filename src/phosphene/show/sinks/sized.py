"""Pictures at the one size and pixel format that a sink takes."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from phosphene.video.sizes import cover
from phosphene.video.spec import Size
from phosphene.video.writer import Frame


class Sized:
    """Cuts, scales and converts uint8 RGB pictures (h, w, 3). For one thread.

    What has the right size is only converted: 0.5 ms for RGBA at 1280x720, where an array that is
    copied by NumPy takes ten.

    Args:
        size: (width, height), pixels.
        form: FFmpeg's name of the pixel format.
        how: of FFmpeg's conversion, such as ``dst_colorspace``.
    """

    def __init__(self, size: Size, form: str, **how: Any) -> None:
        self._size = size
        self._form = form
        self._how = how
        self._scaler = VideoReformatter()

    def frame(self, image: Frame) -> av.VideoFrame:
        """The middle of ``image``, filling the size; may share its memory."""
        rows, columns = cover((image.shape[1], image.shape[0]), self._size)
        given = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(image[rows, columns]), "rgb24")
        width, height = self._size
        return self._scaler.reformat(
            given, width, height, self._form, interpolation=Interpolation.BICUBIC, **self._how
        )

    def pixels(self, image: Frame) -> Frame:
        """The same as an array (height, width, channels)."""
        made: Frame = self.frame(image).to_ndarray()
        return made
