"""Files that are there whole or not at all, also after a power cut."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from phosphene.errors import InputError, OutputError


def make_folder(folder: Path) -> None:
    """Make ``folder`` and those above it; OutputError when the disk says no."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}.") from error


def sync_file(path: Path) -> None:
    """Wait until the bytes of ``path`` are on the disk; raises what the disk still had to say."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until names in ``folder`` are on the disk; Windows has no such call and needs none."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomic(path: Path, data: bytes) -> None:
    """Write ``data`` beside ``path``, flush it to the disk, then put it in place in one step."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)  # what a kill left, or a link to something else
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def publish(finished: Path, final: Path, *, overwrite: bool) -> None:
    """Give a ``finished`` file its ``final`` name, in one step, on the same file system.

    Without ``overwrite`` a file that has appeared there meanwhile is left alone and
    :class:`OutputError` is raised; ``finished`` then stays where it is.
    """
    sync_file(finished)
    if overwrite:
        finished.replace(final)
    else:
        _move_to_free_name(finished, final)
    sync_folder(final.parent)


def _move_to_free_name(finished: Path, final: Path) -> None:
    taken = OutputError(f"{final} exists: give another name or --overwrite.")
    try:
        # a hard link fails where the name is taken; a rename on POSIX would replace the file
        final.hardlink_to(finished)
    except FileExistsError:
        raise taken from None
    except OSError:
        # no hard links here (FAT, some network shares)
        if final.exists():
            raise taken from None
        finished.replace(final)
        return
    finished.unlink()


def checksum(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_mark(path: Path, samples: int = 64, block: int = 1 << 16) -> str:
    """A digest of a file's length and of ``samples`` blocks spread evenly over it, hexadecimal.

    Tells two large files apart without reading either: enough for a source that nobody forges.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for k in range(samples):
            file.seek(max(0, size - block) * k // max(1, samples - 1))
            digest.update(file.read(block))
    return digest.hexdigest()


def source_mark(path: Path) -> str:
    """The content mark of what is read from. Raises :class:`InputError`."""
    try:
        return content_mark(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read ({reason}): check its name.") from error


def refuse_change(path: Path, mark: str) -> None:
    """Raise :class:`InputError` if a source is not what it was when it had ``mark``."""
    if source_mark(path) != mark:
        raise InputError(
            f"{path} was changed while it was read, so its picture and sound would not belong together:"
            " start again with --overwrite when it is complete."
        )
