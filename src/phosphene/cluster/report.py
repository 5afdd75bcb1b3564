"""What became of a batch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from phosphene.video.failures import plain_write_errors
from phosphene.video.files import write_atomic

NAME = "phosphene-batch.json"
Fate = Literal["made", "kept", "failed", "unfinished"]
"""made now, found finished, impossible, or not there yet when the batch stopped"""


@dataclass
class ItemReport:
    """What became of one item."""

    source: str
    out: str
    fate: Fate = "unfinished"
    frames: int = 0
    """finished, in all"""
    new_frames: int = 0
    """of those, drawn now"""
    segments: int = 0
    new_segments: int = 0
    lost_workers: int = 0
    """how often a worker vanished over it; each time the segment it was at is drawn again"""
    seconds: float = 0.0
    """from its first order to its video"""
    error: str = ""
    trace: str = ""
    """of a bug"""
    notes: tuple[str, ...] = ()


@dataclass
class BatchReport:
    """What became of all items, and how well the workers were used."""

    items: list[ItemReport] = field(default_factory=list)
    cluster: str = ""
    """which; empty where there was nothing to draw"""
    workers: str = ""
    seconds: float = 0.0
    """wall time of the whole command, starting a cluster included"""
    drawing_seconds: float = 0.0
    """wall time from the first order to the last answer"""
    worked: float = 0.0
    """seconds of all workers together, between orders and answers"""
    cpu: float = 0.0
    """of that, seconds on a processor; more than ``worked`` where a worker has several"""
    waited: float = 0.0
    """seconds in which workers that were at it had no order, or nobody took their segments"""
    handled: float = 0.0
    """processor seconds of the driver for answers of workers, keeping segments included"""
    joined: float = 0.0
    """processor seconds of the driver for joining videos, beside that"""
    stored_bytes: int = 0
    """of segments and states"""

    @property
    def overhead(self) -> float:
        """Share of the workers' time lost between two pieces of work, 0..1."""
        return self.waited / max(self.worked + self.waited, 1e-9)

    def count(self, fate: Fate) -> int:
        """How many items met this fate."""
        return sum(item.fate == fate for item in self.items)

    def describe(self) -> str:
        """A few lines for people."""
        frames = sum(item.new_frames for item in self.items)
        told = [f"{self.count('made')} made"]
        for fate, text in (
            ("kept", "were made already"),
            ("failed", "failed"),
            ("unfinished", "not finished: run the same command again"),
        ):
            if number := self.count(fate):  # type: ignore[arg-type]  # one of the fates
                told.append(f"{number} {text}")
        line = f"{len(self.items)} items: {', '.join(told)}."
        if not frames:
            return line
        rate = frames / max(self.drawing_seconds, 1e-9)
        return (
            f"{line}\n{frames} frames in {self.seconds:.1f} s, {rate:.1f} a second;"
            f" {self.workers}, idle {self.overhead:.1%} between orders"
        )


def write_batch_report(path: Path, report: BatchReport) -> None:
    """The report as JSON. Raises :class:`~phosphene.errors.OutputError`."""
    told = asdict(report) | {"overhead": report.overhead}
    with plain_write_errors(path):
        write_atomic(path, (json.dumps(told, indent=2) + "\n").encode())
