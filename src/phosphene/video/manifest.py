"""The list of finished segments, as JSON on disk."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from phosphene.errors import OutputError
from phosphene.video.files import write_atomic

VERSION = 3
"""1 kept no director's state, 2 counted flashes of the whole picture alone"""


@dataclass(frozen=True)
class Segment:
    """A finished stretch of video and the caller's state right after it."""

    file: str
    """name inside the work folder"""
    frames: int
    sha256: str
    state_file: str
    """name inside the work folder"""
    state_sha256: str


@dataclass(frozen=True)
class Manifest:
    """What is finished of one render."""

    fingerprint: str
    """everything that decides the picture, as the caller sums it up"""
    segments: tuple[Segment, ...]


def save_manifest(path: Path, manifest: Manifest) -> None:
    """Write ``manifest`` in one step."""
    text = json.dumps({"version": VERSION, **asdict(manifest)}, indent=1)
    write_atomic(path, text.encode())


def load_manifest(path: Path) -> Manifest | None:
    """Read a manifest, or None where there is none; :class:`OutputError` when it makes no sense."""
    try:
        data = json.loads(path.read_bytes())
        if data["version"] != VERSION:
            raise OutputError(
                f"the unfinished render in {path.parent} was begun by another version of phosphene: finish it"
                " with that one, or start again with --overwrite."
            )
        return Manifest(
            str(data["fingerprint"]), tuple(_segment(item) for item in data["segments"])
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise OutputError(
            f"{path} is damaged, so the unfinished render cannot go on: start again with --overwrite."
        ) from error


def is_ours(path: Path) -> bool:
    """Whether a file is a manifest of a render, of whatever version and however damaged inside."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(data, dict) and {"version", "fingerprint", "segments"} <= data.keys()


def _segment(item: dict[str, object]) -> Segment:
    segment = Segment(**item)  # type: ignore[arg-type]  # checked right below
    names = (segment.file, segment.state_file)
    if not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise ValueError("a segment lies outside its folder")
    if not (isinstance(segment.frames, int) and segment.frames > 0):
        raise ValueError("a segment without frames")
    return segment
