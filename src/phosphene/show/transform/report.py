"""What a transform made, and where its time went."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from phosphene.show.analysis import write_text
from phosphene.show.transform.line import Meter
from phosphene.video.spec import Size


@dataclass(frozen=True)
class StageReport:
    """One stage of the line."""

    name: str
    frames: int
    rate: float
    """frames a second while it worked: what it could do alone"""
    busy: float
    """share of the time it worked, 0..1; the largest is the slowest stage"""
    starved: float
    """share of the time it waited for the stage before"""
    blocked: float
    """share of the time it waited for the stage after"""
    queue: float
    """frames that waited behind it, on average"""

    @classmethod
    def of(cls, meter: Meter) -> StageReport:
        """The figures of a stage, while it runs or afterwards."""
        elapsed = meter.elapsed or 1e-9
        return cls(
            name=meter.name,
            frames=meter.items,
            rate=meter.items / max(meter.busy, 1e-9),
            busy=meter.busy / elapsed,
            starved=meter.starved / elapsed,
            blocked=meter.blocked / elapsed,
            queue=meter.waiting_sum / max(meter.items, 1),
        )


@dataclass(frozen=True)
class TransformReport:
    """What was made, and how fast."""

    source: str
    path: str
    frames: int
    """of the new video"""
    new_frames: int
    """made now, not in an earlier run"""
    drawn: int
    """of those, by the model; the others show a picture again"""
    cuts: int
    """scene cuts found in them"""
    duration: float
    """seconds of the new video's picture"""
    size: Size
    model: str
    model_size: Size
    seconds: float
    """wall time, joining included"""
    fps: float
    """new frames a second, joining included"""
    stages: tuple[StageReport, ...]
    slowest: str
    """name of the stage that worked the largest share of the time"""
    notes: tuple[str, ...]

    def describe(self) -> str:
        """A few lines for people."""
        speed = self.duration * self.new_frames / max(self.frames, 1) / self.seconds
        line = (
            f"{self.path}: {self.duration:.1f} s, {self.size[0]}x{self.size[1]};"
            f" {self.new_frames} frames in {self.seconds:.1f} s, {self.fps:.1f} a second,"
            f" {speed:.2f} x as fast as it plays"
        )
        lines = [*self.notes, line]
        if self.stages:
            lines.append(f"{shares(self.stages)}; the slowest is {self.slowest}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Failure:
    """An input that did not become a video."""

    source: str
    error: str


def shares(stages: Sequence[StageReport]) -> str:
    """All stages in one line: share of the time at work, rate alone, frames waiting behind."""
    return "  ".join(f"{s.name} {s.busy:.0%} {s.rate:.0f}/s [{s.queue:.0f}]" for s in stages)


def slowest(stages: Sequence[StageReport]) -> str:
    """The stage that holds up the others; empty without stages."""
    return max(stages, key=lambda stage: stage.busy).name if stages else ""


def write_report(path: Path, made: Sequence[TransformReport | Failure]) -> None:
    """All results as JSON. Raises :class:`~phosphene.errors.OutputError`."""
    write_text(path, json.dumps([asdict(one) for one in made], indent=2) + "\n")
