"""A film in segments: each is complete on the disk, with what is needed to go on after it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from phosphene.show.sinks.sink import Sink
from phosphene.video.spec import VideoSpec
from phosphene.video.writer import Frame, SegmentWriter


class Shelf(Protocol):
    """Where finished segments go, such as :class:`~phosphene.video.project.Project`."""

    @property
    def next_path(self) -> Path:
        """where to write the segment that comes next"""

    def add(self, frames: int, state: bytes) -> None:
        """Take over the segment at :attr:`next_path`; ``state`` is what the next frame needs."""


class SegmentSink(Sink):
    """Writes frames to the next segment of ``shelf``; :meth:`cut` ends it.

    The caller decides where segments end, so that its state belongs to exactly that frame.
    """

    name = "segments"

    def __init__(self, shelf: Shelf, spec: VideoSpec) -> None:
        self._shelf = shelf
        self._spec = spec
        self._segment: SegmentWriter | None = None

    def write(self, image: Frame, index: int) -> None:
        """Add one picture to the open segment."""
        if self._segment is None:
            self._segment = SegmentWriter(self._shelf.next_path, self._spec)
        self._segment.write(image)

    def cut(self, state: bytes) -> None:
        """End the segment and record it with the caller's ``state``; without frames do nothing."""
        if self._segment is None:
            return
        self._segment.close()
        self._shelf.add(self._segment.frames, state)
        self._segment = None

    def close(self) -> None:
        """Drop the frames since the last cut: nobody could go on after them."""
        if self._segment is not None:
            self._segment.abort()
            self._segment = None
