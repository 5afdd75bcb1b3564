"""Failures of the disk, said plainly."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from phosphene.errors import OutputError

FULL = frozenset(
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name)
)
FORBIDDEN = frozenset((errno.EACCES, errno.EPERM, errno.EROFS))
KEPT = "finished segments are kept and --resume goes on"


def write_failure(path: Path, error: OSError | av.error.FFmpegError) -> OutputError:
    """One sentence for an ``error`` met while writing ``path`` during a render."""
    if error.errno in FULL:
        return OutputError(f"the disk is full: free some space in {path.parent}; {KEPT}.")
    if error.errno in FORBIDDEN:
        return OutputError(f"{path} may not be written: check the permissions; {KEPT}.")
    return OutputError(f"{path} cannot be written ({error.strerror or error}); {KEPT}.")


def is_full(error: BaseException) -> bool:
    """Whether an :class:`OutputError` of :func:`plain_write_errors` says that the disk is full."""
    cause = error.__cause__
    return isinstance(error, OutputError) and isinstance(cause, OSError) and cause.errno in FULL


@contextmanager
def plain_write_errors(path: Path) -> Iterator[None]:
    """Turn what the system and FFmpeg say about writing ``path`` into an :class:`OutputError`.

    PyAV raises the same OSErrors for what FFmpeg's writer meets, so the disk is heard everywhere.
    """
    try:
        yield
    except (OSError, av.error.FFmpegError) as error:
        raise write_failure(path, error) from error
