"""What travels between the machine that runs a batch and its workers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from phosphene.audio import AudioFeatures
from phosphene.config import PipelineConfig
from phosphene.show.drawing import Part
from phosphene.show.transform import TransformOptions
from phosphene.video.spec import Size


@dataclass(frozen=True, eq=False)
class SongOrder:
    """Draw a part of a song's video. The song itself is not needed for it."""

    features: AudioFeatures
    config: PipelineConfig
    size: Size | None
    """as asked for; ``None``: the model's own"""
    part: Part


@dataclass(frozen=True, eq=False)
class VideoOrder:
    """Draw over the rest of a video."""

    source: Path
    """on a path that the worker sees too"""
    content: str
    """its :func:`~phosphene.video.files.content_mark`, for the same path may hold another file there"""
    config: PipelineConfig
    options: TransformOptions
    first: int
    """frame"""
    state: bytes | None
    """what was kept with the segment before; ``None`` at the very beginning"""


Order = SongOrder | VideoOrder


@dataclass(frozen=True, eq=False)
class Parcel:
    """A finished segment."""

    video: bytes
    """a closed mp4"""
    frames: int
    state: bytes
    """what the next frame needs"""
    waited: float
    """seconds the worker could not draw meanwhile: it had no order, or nobody took its segments"""
    worked: float
    """the other seconds since its last answer"""
    cpu: float
    """seconds of all its threads on a processor meanwhile"""


@dataclass(frozen=True)
class Done:
    """The order is carried out: all its segments were handed over."""

    size: Size
    """(width, height) of the video"""
    notes: tuple[str, ...] = ()
    """what was wrong with the source, one sentence each"""


@dataclass(frozen=True)
class Refused:
    """The order cannot be carried out, by this worker or any other."""

    error: str
    """one sentence"""
    trace: str = ""
    """of a bug, for the report; empty for what the user can mend"""


Answer = Parcel | Done | Refused


@dataclass(frozen=True)
class Hello:
    """Who a worker is."""

    version: str
    """of phosphene"""
    host: str
    pid: int
    gpus: tuple[str, ...]
    """ids that it may use"""
