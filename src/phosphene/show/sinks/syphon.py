"""Syphon: pictures to other programs on the same Mac, over the graphics card."""

from __future__ import annotations

from fractions import Fraction
from importlib.util import find_spec
from typing import Any, Protocol

from phosphene.errors import MissingExtraError
from phosphene.show.sinks.sink import Sink
from phosphene.show.sinks.sized import Sized
from phosphene.video.spec import Size
from phosphene.video.writer import Frame


class SyphonServer(Protocol):
    """What is used of syphon-python's server for Metal."""

    device: Any

    def publish_frame_texture(self, texture: Any, is_flipped: bool = False) -> None: ...
    def stop(self) -> None: ...


class SyphonSink(Sink):
    """A :class:`~.sink.Sink` through syphon-python. Untried on a Mac: see docs/stage.md."""

    def __init__(self, name: str, size: Size, rate: Fraction) -> None:
        """Raises :class:`MissingExtraError`."""
        if find_spec("syphon") is None:
            raise MissingExtraError("Syphon, on macOS,", "syphon")
        self.name = f"Syphon '{name}'"
        self._called = name
        self._size = size
        self._sized = Sized(size, "rgba")
        self._server: SyphonServer | None = None
        self._texture: Any = None

    def open(self) -> None:
        """Be there for whoever looks."""
        import syphon
        from syphon.utils.numpy import copy_image_to_mtl_texture
        from syphon.utils.raw import create_mtl_texture

        server: SyphonServer = syphon.SyphonMetalServer(self._called)
        self._server = server
        self._texture = create_mtl_texture(server.device, *self._size)
        self._copy = copy_image_to_mtl_texture

    def write(self, image: Frame, index: int) -> None:
        """Share one frame."""
        assert self._server is not None
        self._copy(self._sized.pixels(image), self._texture)
        self._server.publish_frame_texture(self._texture, is_flipped=True)

    def close(self) -> None:
        """Be gone."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()
