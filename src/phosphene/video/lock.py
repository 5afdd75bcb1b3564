"""A lock that the operating system lets go of when its owner dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from phosphene.errors import OutputError

if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FolderLock:
    """Holds a folder for this process until :meth:`release` or the process ends.

    Raises :class:`OutputError` when another process holds it. The lock is on an open file, not on
    the file's presence, so a killed render leaves nothing behind that must be cleaned up by hand.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "lock"
        # a link in its place would make, or hold, a file elsewhere
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        self._handle: int | None = os.open(path, flags, 0o666)
        try:
            _try_lock(self._handle)
            # its last owner may have removed the folder between our open and our lock
            held = path.exists() and os.path.samestat(os.fstat(self._handle), path.stat())
        except OSError:
            held = False
        if not held:
            self.release()
            raise OutputError(
                f"another render is writing to {folder}: wait for it or give another output name."
            )

    def release(self) -> None:
        """Let go; a second call does nothing."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
