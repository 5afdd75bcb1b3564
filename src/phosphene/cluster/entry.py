"""An item that is under way in a batch."""

from __future__ import annotations

import time
from dataclasses import dataclass

from phosphene.cluster.items import Item
from phosphene.cluster.making import Making, begun, check_song_target
from phosphene.cluster.report import ItemReport
from phosphene.errors import InputError


@dataclass(eq=False)
class Entry:
    """One item, its report, and what there is of it."""

    item: Item
    report: ItemReport
    fingerprint: str
    making: Making | None = None
    """once it was looked at"""
    began: float = 0.0
    """time.perf_counter() of its first order"""
    old_frames: int = 0
    """of an earlier run"""
    old_segments: int = 0

    def count(self) -> None:
        """Bring the report up to date."""
        if self.making is None:
            return
        report, making = self.report, self.making
        report.frames, report.segments = making.frames, making.segments
        report.new_frames = making.frames - self.old_frames
        report.new_segments = making.segments - self.old_segments
        if self.began:
            report.seconds = time.perf_counter() - self.began


def admit_song(item: Item, fingerprint: str, overwrite: bool) -> bytes:
    """A song as it travels, refused before anybody listens to it. Raises PhospheneError."""
    check_song_target(item, overwrite or begun(item.out, fingerprint), seconds=0)
    try:
        return item.source.read_bytes()
    except OSError as error:
        raise InputError(f"{item.source} cannot be read ({error.strerror}).") from error
