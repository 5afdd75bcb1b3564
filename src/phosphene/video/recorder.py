"""Cuts a run of frames into the segments of a project."""

from __future__ import annotations

from phosphene.video.project import Project
from phosphene.video.spec import VideoSpec
from phosphene.video.writer import Frame, SegmentWriter


class Recorder:
    """Writes frames to the next segment of ``project``; :meth:`cut` ends it.

    The caller decides where segments end, so that its state belongs to exactly that frame.
    """

    def __init__(self, project: Project, spec: VideoSpec) -> None:
        self._project = project
        self._spec = spec
        self._segment: SegmentWriter | None = None

    def write(self, frame: Frame) -> None:
        """Add one uint8 RGB picture (height, width, 3) to the open segment."""
        if self._segment is None:
            self._segment = SegmentWriter(self._project.next_path, self._spec)
        self._segment.write(frame)

    def cut(self, state: bytes) -> None:
        """End the segment and record it with the caller's ``state``; without frames do nothing."""
        if self._segment is None:
            return
        self._segment.close()
        self._project.add(self._segment.frames, state)
        self._segment = None

    def cancel(self) -> None:
        """Drop the frames since the last cut."""
        if self._segment is not None:
            self._segment.abort()
            self._segment = None
