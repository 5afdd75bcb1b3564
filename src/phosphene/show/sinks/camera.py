"""A camera that other programs can open."""

from __future__ import annotations

from fractions import Fraction
from importlib.util import find_spec
from typing import Any

from phosphene.errors import MissingExtraError
from phosphene.show.sinks.sink import Sink
from phosphene.show.sinks.sized import Sized
from phosphene.video.spec import Size
from phosphene.video.writer import Frame


class CameraSink(Sink):
    """A :class:`~.sink.Sink` through pyvirtualcam."""

    name = "virtual camera"

    def __init__(self, size: Size, rate: Fraction) -> None:
        """Raises :class:`MissingExtraError`."""
        if find_spec("pyvirtualcam") is None:
            raise MissingExtraError("the virtual camera", "virtual-camera")
        self._size = size
        self._sized = Sized(size, "rgb24")
        self._rate = rate
        self._camera: Any = None

    def open(self) -> None:
        """Open the first virtual camera that is free."""
        import pyvirtualcam

        width, height = self._size
        self._camera = pyvirtualcam.Camera(width, height, float(self._rate))
        self.name = f"virtual camera {self._camera.device}"

    def write(self, image: Frame, index: int) -> None:
        """Show one frame."""
        self._camera.send(self._sized.pixels(image))

    def close(self) -> None:
        """Let go of the camera."""
        if self._camera is not None:
            self._camera.close()
