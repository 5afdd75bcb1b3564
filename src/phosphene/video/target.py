"""Checks of the output before any work is done."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from phosphene.errors import InputError, OutputError
from phosphene.video.sizes import even_size
from phosphene.video.spec import Size, frame_rate

EXTENSIONS = (".mp4", ".mkv", ".mov")
FPS_RANGE = (1, 240)
SIDE_RANGE = (16, 8192)
"""pixels; what H.264 encoders and players agree on"""
BYTES_PER_PIXEL = 0.02
"""a low guess for smooth pictures at crf 17, so that only hopeless renders are refused"""
SPARE_BYTES = 8_000_000


@dataclass(frozen=True)
class Target:
    """A file that can be written."""

    path: Path
    size: Size
    """(width, height), even, pixels"""
    rate: Fraction
    """frames per second"""
    notes: tuple[str, ...]
    """what was changed about the request, one sentence each, to be told once"""


def check_target(
    path: str | Path, size: Size, fps: float, *, seconds: float, overwrite: bool
) -> Target:
    """Check that a video of ``seconds`` can be written to ``path``; changes nothing there.

    Raises :class:`InputError` for a size or a frame rate that cannot be, :class:`OutputError` for
    the file. Odd sides are rounded up to even ones, with a note.
    """
    path = Path(path)
    even = _check_size(size)
    rate = _check_fps(fps)
    _check_name(path, overwrite=overwrite)
    _check_folder(path.parent)
    # every finished segment is there twice for the moment of joining
    _check_space(path.parent, 2 * float(seconds * rate) * even[0] * even[1] * BYTES_PER_PIXEL)
    notes: tuple[str, ...] = ()
    if even != tuple(size):
        notes = (
            f"size {size[0]}x{size[1]} becomes {even[0]}x{even[1]}, because H.264 needs even sides.",
        )
    return Target(path, even, rate, notes)


def clamp_fps(rate: Fraction) -> float:
    """The nearest frame rate that a video may have, for one that was counted and not chosen."""
    low, high = FPS_RANGE
    return min(max(float(rate), low), high)


def _check_size(size: Size) -> Size:
    low, high = SIDE_RANGE
    if not all(low <= side <= high for side in size):
        raise InputError(
            f"size {size[0]}x{size[1]} is not possible: both sides must be {low} to {high} pixels."
        )
    return even_size(size)


def _check_fps(fps: float) -> Fraction:
    low, high = FPS_RANGE
    if not low <= fps <= high:  # also refuses nan
        raise InputError(f"fps {fps:g} is not possible: give {low} to {high} frames per second.")
    return frame_rate(fps)


def _check_name(path: Path, *, overwrite: bool) -> None:
    try:
        is_folder = path.is_dir()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{path} cannot be written to ({reason}): give another name.") from error
    if is_folder:
        raise OutputError(f"{path} is a folder: give a file name such as {path / 'video.mp4'}.")
    if path.suffix.lower() not in EXTENSIONS:
        raise OutputError(f"{path} must end in one of {', '.join(EXTENSIONS)}.")
    # a link that leads nowhere is there all the same
    if os.path.lexists(path):
        if not overwrite:
            raise OutputError(f"{path} exists: give another name or --overwrite.")
        if not path.is_symlink() and not path.is_file():
            raise OutputError(f"{path} is not an ordinary file: give another name.")


def _check_folder(folder: Path) -> None:
    if not folder.exists():
        raise OutputError(f"the folder {folder} does not exist: create it or give another one.")
    if not folder.is_dir():
        raise OutputError(f"{folder} is not a folder: give another output name.")
    try:
        # permission bits do not tell about read-only mounts, quotas or access lists; a file does
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OutputError(
            f"the folder {folder} cannot be written to ({error.strerror}): give another one."
        ) from error


def _check_space(folder: Path, needed: float) -> None:
    usage = shutil.disk_usage(folder)
    needed += SPARE_BYTES
    if usage.total and usage.free < needed:
        raise OutputError(
            f"only {usage.free / 1e6:.0f} MB are free in {folder} and about {needed / 1e6:.0f} MB are"
            " needed: free some space or give another folder."
        )
