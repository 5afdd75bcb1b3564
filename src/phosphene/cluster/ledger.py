"""What a folder's batches have finished: one line each, added and never changed."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from phosphene.video.failures import plain_write_errors
from phosphene.video.files import content_mark

NAME = "phosphene-batch.jsonl"


@dataclass(frozen=True)
class Made:
    """A finished video."""

    out: str
    """name in the folder"""
    fingerprint: str
    """of the item it was made of"""
    content: str
    """content mark of the file"""
    frames: int


class Ledger:
    """The finished videos of ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._made: dict[str, Made] = {}
        with plain_write_errors(self._path):
            lines = self._path.read_text("utf-8").splitlines() if self._path.exists() else []
        for line in lines:
            try:
                made = Made(**json.loads(line))
            except (ValueError, TypeError):
                # the driver was killed while it wrote this line
                continue
            self._made[made.out] = made

    @property
    def outs(self) -> list[str]:
        """Names of all videos that were ever finished."""
        return list(self._made)

    def knows(self, out: Path) -> bool:
        """Whether a video of this name was ever finished and is there."""
        return out.name in self._made and out.is_file()

    def find(self, out: Path, fingerprint: str) -> Made | None:
        """The record of a video that is there, as it was made, for the very same item."""
        made = self._made.get(out.name)
        if made is None or made.fingerprint != fingerprint or not self.knows(out):
            return None
        return made if content_mark(out) == made.content else None

    def add(self, out: Path, fingerprint: str, frames: int) -> Made:
        """Note a finished video. Raises :class:`~phosphene.errors.OutputError`."""
        with plain_write_errors(self._path):
            made = Made(out.name, fingerprint, content_mark(out), frames)
            with self._path.open("a", encoding="utf-8") as file:
                # a line that was cut short must not swallow this one
                file.write(("\n" if file.tell() else "") + json.dumps(asdict(made)))
                file.flush()
                os.fsync(file.fileno())
        self._made[made.out] = made
        return made
