"""The work folder of a render: what is finished, and how to go on after a kill."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from phosphene.errors import OutputError
from phosphene.video.failures import plain_write_errors
from phosphene.video.files import checksum, sync_file, write_atomic
from phosphene.video.lock import FolderLock
from phosphene.video.manifest import Manifest, Segment, is_ours, load_manifest, save_manifest

PIECES = "pieces"
"""folder in a work folder that holds work folders: segments that are drawn each for itself"""
LARGE_STATE = 64 * 2**20
"""bytes; a model's key/value cache takes gigabytes, and only the last is gone on from"""
OWN = re.compile(
    rf"lock|manifest\.json(\.new)?|\d{{5,8}}\.(mp4|state)(\.new)?|unfinished\.(mp4|mkv|mov)|{PIECES}"
)
"""names a render gives; only what is called so, in a folder that is a render's, is ever deleted"""
INNER = re.compile(r"\d{8}\.mp4\.part")


def work_folder(out_path: Path) -> Path:
    """The folder beside the output in which an unfinished render lives."""
    return out_path.with_name(out_path.name + ".part")


FINISHED = "{} is finished already: nothing is left to go on with; --overwrite makes it anew."
"""what is said to those who would go on"""


def is_finished(out_path: Path) -> bool:
    """Whether a video is there and no work folder beside it."""
    return out_path.is_file() and not work_folder(out_path).exists()


class Project:
    """Finished segments of one render, in ``OUT.mp4.part/``, held under a lock.

    Opening checks every segment against its checksum; the first one that is missing or damaged, and
    all after it, are dropped and their frames are due again. ``fingerprint`` must sum up everything
    that decides the picture (song, settings, seed, model, sizes, segment length). Raises
    :class:`OutputError` when another render holds the folder, when finished segments would be lost
    (neither ``resume`` nor ``overwrite`` given), and on ``resume`` with another fingerprint or a
    damaged manifest. With both given, ``resume`` wins over ``overwrite``. A folder that no render made,
    or a link in its place, is refused whatever is given.
    """

    def __init__(
        self, out_path: Path, fingerprint: str, *, resume: bool = False, overwrite: bool = False
    ) -> None:
        self.folder = work_folder(out_path)
        with plain_write_errors(self.folder):
            make_own_folder(self.folder)
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
            before = self._without_large_states() if len(state) > LARGE_STATE else self.segments
            self._save(replace(self._manifest, segments=(*before, segment)))

    def _without_large_states(self) -> tuple[Segment, ...]:
        """Segments so far, all their states but the last let go: the newest one may break."""
        older = self.segments[:-1]
        for segment in older:
            (self.folder / segment.state_file).unlink(missing_ok=True)
        return (*(replace(each, state_sha256="") for each in older), *self.segments[-1:])

    def close(self) -> None:
        """Let go of the folder; what is finished stays for a later ``resume``."""
        self._lock.release()

    def remove(self) -> None:
        """Delete the folder, once the finished video has its final name.

        What others put there stays, and the folder with it.
        """
        self.close()  # windows deletes no open file
        with suppress(OSError):
            _clear(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, fingerprint: str, *, resume: bool, overwrite: bool) -> Manifest:
        fresh = Manifest(fingerprint, ())
        start_again = overwrite and not resume
        found = None if start_again else load_manifest(self.folder / "manifest.json")
        if found is not None and found.segments:
            self._refuse_loss(found, fingerprint, resume=resume)
            fresh = replace(found, segments=_intact(self.folder, found.segments))
        # leftovers first, and nothing is written that stands there already: the disk may still be full
        self._tidy(fresh)
        if fresh != found:
            self._save(fresh)
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
            # links too: a segment must not be written through one
            if path.name not in keep and OWN.fullmatch(path.name) and not _is_folder(path):
                with suppress(OSError):
                    path.unlink()


def make_own_folder(folder: Path) -> None:
    """Make a work folder, or take over one that a render left. Raises :class:`OutputError`."""
    if folder.is_symlink():
        raise OutputError(
            f"{folder} is a link, which a render does not follow: remove it or give another output name."
        )
    folder.mkdir(exist_ok=True)
    if folder.name != PIECES and not _is_own(folder):
        raise OutputError(
            f"{folder} holds files that no render of phosphene made: move them away or give another output"
            " name."
        )


def _is_own(folder: Path) -> bool:
    """Whether a render made a folder: it is empty, or carries a manifest."""
    names = {path.name for path in folder.iterdir()}
    lock, manifest = folder / "lock", folder / "manifest.json"
    if "lock" in names and (lock.is_symlink() or not lock.is_file() or lock.stat().st_size):
        return False
    if names <= {"lock", "manifest.json.new"}:  # a kill came before the first manifest
        return True
    if manifest.is_symlink() or not manifest.is_file():
        return False
    # a damaged one counts among nothing but what renders leave
    return is_ours(manifest) or ("lock" in names and all(map(OWN.fullmatch, names)))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _clear(folder: Path) -> None:
    """Delete what is a render's own in ``folder``, then the folder if nothing else is left."""
    for path in folder.iterdir():
        if not OWN.fullmatch(path.name):
            continue
        if not _is_folder(path):
            path.unlink()
        elif path.name == PIECES:
            for inner in path.iterdir():
                if INNER.fullmatch(inner.name) and _is_folder(inner) and _is_own(inner):
                    _clear(inner)
            with suppress(OSError):
                path.rmdir()
    with suppress(OSError):
        folder.rmdir()


def _intact(folder: Path, segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """The leading segments whose files still are what was written."""
    for index, segment in enumerate(segments):
        pairs = ((segment.file, segment.sha256), (segment.state_file, segment.state_sha256))
        for name, expected in pairs:
            path = folder / name
            if not expected:
                continue
            if path.is_symlink() or not path.is_file() or checksum(path) != expected:
                return _with_state(segments[:index])
    return _with_state(segments)


def _with_state(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Those that somebody can go on from."""
    while segments and not segments[-1].state_sha256:
        segments = segments[:-1]
    return segments
