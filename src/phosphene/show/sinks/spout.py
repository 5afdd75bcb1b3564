"""Spout: pictures to other programs on the same Windows machine, over the graphics card."""

from __future__ import annotations

from fractions import Fraction
from importlib.util import find_spec
from typing import Any, Protocol

from phosphene.errors import MissingExtraError, OutputError
from phosphene.show.sinks.sink import Sink
from phosphene.show.sinks.sized import Sized
from phosphene.video.spec import Size
from phosphene.video.writer import Frame

GL_RGBA = 0x1908
"""OpenGL's name of the format"""


class SpoutSender(Protocol):
    """What is used of SpoutGL."""

    def setSenderName(self, name: str) -> None: ...
    def sendImage(
        self, pixels: Any, width: int, height: int, glFormat: int, invert: bool, hostFbo: int
    ) -> bool: ...
    def setFrameSync(self, name: str) -> None: ...
    def releaseSender(self) -> None: ...


class SpoutSink(Sink):
    """A :class:`~.sink.Sink` through SpoutGL. Untried on Windows: see docs/stage.md."""

    def __init__(self, name: str, size: Size, rate: Fraction) -> None:
        """Raises :class:`MissingExtraError`."""
        if find_spec("SpoutGL") is None:
            raise MissingExtraError("Spout, on Windows,", "spout")
        self.name = f"Spout '{name}'"
        self._called = name
        self._size = size
        self._sized = Sized(size, "rgba")
        self._sender: SpoutSender | None = None

    def open(self) -> None:
        """Be there for whoever looks; on the thread that writes."""
        import SpoutGL

        sender: SpoutSender = SpoutGL.SpoutSender()
        sender.setSenderName(self._called)
        self._sender = sender

    def write(self, image: Frame, index: int) -> None:
        """Share one frame. Raises :class:`OutputError`."""
        assert self._sender is not None
        pixels, (width, height) = self._sized.pixels(image), self._size
        if not self._sender.sendImage(pixels, width, height, GL_RGBA, False, 0):
            raise OutputError("the graphics card shares no picture")
        self._sender.setFrameSync(self._called)

    def close(self) -> None:
        """Be gone."""
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.releaseSender()
