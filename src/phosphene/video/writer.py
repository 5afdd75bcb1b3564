"""One segment of video: frames in, a small closed H.264 file out."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.codec.context import ThreadType
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from phosphene.video.failures import plain_write_errors
from phosphene.video.files import sync_file
from phosphene.video.sizes import cover
from phosphene.video.spec import VideoSpec

Frame = npt.NDArray[np.uint8]
"""uint8 RGB picture, shape (height, width, 3)"""

KEYFRAME_SECONDS = 2
"""how far a player may have to look back when seeking"""
SWS_ACCURATE_RND, SWS_BITEXACT = 0x40000, 0x80000
"""libswscale: the same result on every CPU; only newer versions of PyAV name them"""


class SegmentWriter:
    """Writes one segment: H.264 yuv420p, closed groups of pictures.

    Frames of another size are scaled (Lanczos), after cropping to the aspect ratio of ``spec`` if it
    says so. The same frames, spec and libraries give the same bytes, however many cores there are.
    Disk errors are raised as :class:`~phosphene.errors.OutputError`.
    """

    def __init__(self, path: Path, spec: VideoSpec) -> None:
        self.path = path
        self.frames = 0
        self._spec = spec
        self._scaler = VideoReformatter()
        with plain_write_errors(path):
            self._container = av.open(f"file:{path}", "w", format="mp4")
        self._stream = self._container.add_stream(
            "libx264", rate=spec.rate, options={"crf": str(spec.crf), "preset": spec.preset}
        )
        context = self._stream.codec_context
        context.width, context.height, context.pix_fmt = spec.width, spec.height, "yuv420p"
        context.time_base = 1 / spec.rate
        context.gop_size = max(1, round(KEYFRAME_SECONDS * spec.rate))
        # slices would cost quality; the thread count decides the bits, so it is never "auto"
        context.thread_type, context.thread_count = ThreadType.FRAME, spec.threads
        colour = spec.colour
        context.sample_aspect_ratio = spec.sample_aspect
        context.color_range, context.colorspace = colour.range_code, colour.matrix
        context.color_primaries, context.color_trc = colour.primaries, colour.transfer

    def write(self, frame: Frame) -> None:
        """Encode one uint8 RGB picture (height, width, 3)."""
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError(
                f"a frame is uint8 (height, width, 3); got {frame.dtype} {frame.shape}"
            )
        with plain_write_errors(self.path):
            self._container.mux(self._stream.encode(self._convert(frame)))
        self.frames += 1

    def close(self) -> None:
        """Finish the file and wait until it is on the disk."""
        with plain_write_errors(self.path):
            self._container.mux(self._stream.encode(None))
            self._container.close()
            sync_file(self.path)

    def abort(self) -> None:
        """Give up: delete what was written; never raises for what the disk says."""
        with suppress(OSError, av.error.FFmpegError):
            self._container.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _convert(self, frame: Frame) -> av.VideoFrame:
        spec = self._spec
        if spec.crop:
            frame = frame[cover((frame.shape[1], frame.shape[0]), (spec.width, spec.height))]
        picture = self._scaler.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24"),
            width=spec.width,
            height=spec.height,
            format="yuv420p",
            dst_colorspace=spec.colour.coefficients,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange(spec.colour.range_code),
            interpolation=int(Interpolation.LANCZOS) | SWS_ACCURATE_RND | SWS_BITEXACT,
        )
        picture.pts, picture.time_base = self.frames, Fraction(1 / spec.rate)
        return picture
