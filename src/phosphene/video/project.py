"""The work folder of a render: what is finished, and how to go on after a kill."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from phosphene.errors import OutputError
from phosphene.video.failures import plain_write_errors
from phosphene.video.files import checksum, sync_file, write_atomic
from phosphene.video.lock import FolderLock
from phosphene.video.manifest import Manifest, Segment, load_manifest, save_manifest


def work_folder(out_path: Path) -> Path:
    """The folder beside the output in which an unfinished render lives."""
    return out_path.with_name(out_path.name + ".part")


class Project:
    """Finished segments of one render, in ``OUT.mp4.part/``, held under a lock.

    Opening checks every segment against its checksum; the first one that is missing or damaged, and
    all after it, are dropped and their frames are due again. ``fingerprint`` must sum up everything
    that decides the picture (song, settings, seed, model, sizes, segment length). Raises
    :class:`OutputError` when another render holds the folder, when finished segments would be lost
    (neither ``resume`` nor ``overwrite`` given), and on ``resume`` with another fingerprint or a
    damaged manifest. With both given, ``resume`` wins over ``overwrite``.
    """

    def __init__(
        self, out_path: Path, fingerprint: str, *, resume: bool = False, overwrite: bool = False
    ) -> None:
        self.folder = work_folder(out_path)
        with plain_write_errors(self.folder):
            self.folder.mkdir(exist_ok=True)
            self._lock = FolderLock(self.folder)
        try:
            with plain_write_errors(self.folder):
                self._manifest = self._start(fingerprint, resume=resume, overwrite=overwrite)
        except BaseException:
            self.close()
            raise

    @property
    def segments(self) -> tuple[Segment, ...]:
        """finished segments, in order"""
        return self._manifest.segments

    @property
    def paths(self) -> list[Path]:
        """files of the finished segments, in order"""
        return [self.folder / segment.file for segment in self.segments]

    @property
    def next_frame(self) -> int:
        """index of the first frame that is still to do"""
        return sum(segment.frames for segment in self.segments)

    @property
    def next_path(self) -> Path:
        """where to write the segment that comes next; it counts only after :meth:`add`"""
        return self.folder / f"{len(self.segments):05d}.mp4"

    @property
    def state(self) -> bytes | None:
        """the caller's state before :attr:`next_frame`, None at the very beginning"""
        if not self.segments:
            return None
        return (self.folder / self.segments[-1].state_file).read_bytes()

    @property
    def states(self) -> list[Path]:
        """files of the callers' states after each finished segment, in order"""
        return [self.folder / segment.state_file for segment in self.segments]

    def add(self, frames: int, state: bytes) -> None:
        """Record that :attr:`next_path` is complete; ``state`` is what the next frame needs."""
        path = self.next_path
        state_path = path.with_suffix(".state")
        with plain_write_errors(path):
            sync_file(path)
            write_atomic(state_path, state)
            digest = hashlib.sha256(state).hexdigest()
            segment = Segment(path.name, frames, checksum(path), state_path.name, digest)
            self._save(replace(self._manifest, segments=(*self.segments, segment)))

    def close(self) -> None:
        """Let go of the folder; what is finished stays for a later ``resume``."""
        self._lock.release()

    def remove(self) -> None:
        """Delete the folder, once the finished video has its final name."""
        self.close()  # windows deletes no open file
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self, fingerprint: str, *, resume: bool, overwrite: bool) -> Manifest:
        fresh = Manifest(fingerprint, ())
        start_again = overwrite and not resume
        found = None if start_again else load_manifest(self.folder / "manifest.json")
        if found is not None and found.segments:
            self._refuse_loss(found, fingerprint, resume=resume)
            fresh = replace(found, segments=_intact(self.folder, found.segments))
        self._save(fresh)
        self._tidy(fresh)
        return fresh

    def _refuse_loss(self, found: Manifest, fingerprint: str, *, resume: bool) -> None:
        if not resume:
            raise OutputError(
                f"{self.folder} holds an unfinished render: go on with --resume or start again with"
                " --overwrite."
            )
        if found.fingerprint != fingerprint:
            raise OutputError(
                f"the unfinished render in {self.folder} was made with another song or other"
                " settings: give the same ones or start again with --overwrite."
            )

    def _save(self, manifest: Manifest) -> None:
        save_manifest(self.folder / "manifest.json", manifest)
        self._manifest = manifest

    def _tidy(self, manifest: Manifest) -> None:
        """Delete what no finished segment owns: unfinished ones, dropped ones, half-joined files."""
        keep = {"lock", "manifest.json"}
        keep.update(name for s in manifest.segments for name in (s.file, s.state_file))
        for path in self.folder.iterdir():
            if path.name not in keep and path.is_file():
                with suppress(OSError):
                    path.unlink()


def _intact(folder: Path, segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """The leading segments whose files still are what was written."""
    for index, segment in enumerate(segments):
        pairs = ((segment.file, segment.sha256), (segment.state_file, segment.state_sha256))
        for name, expected in pairs:
            path = folder / name
            if not path.is_file() or checksum(path) != expected:
                return segments[:index]
    return segments
