"""The one door to media files: checked, opened the same way everywhere, errors in plain words."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from phosphene.errors import InputError

PYAV = int(version("av").split(".")[0])
"""its major version: a few of its calls changed between 16 and 19"""
REACHING = frozenset(
    ("concat", "dash", "hls", "image2", "imf", "lavfi", "rtp", "rtsp", "sdp", "vobsub",
     "webm_dash_manifest")
)  # fmt: skip
"""FFmpeg's readers that open what a file names: a song from a stranger must not choose what is read"""
PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]")
"""how lists of other files begin: worth a better word than 'damaged'"""


def check_file(path: str | Path, wanted: str) -> Path:
    """``path`` if it is a readable file with something in it, else :class:`InputError`.

    ``wanted`` says what to give instead. Pipes and devices are refused: opening one may wait for ever,
    and most formats need to be read more than once.
    """
    source = Path(path)
    try:
        if not source.exists():
            raise InputError(f"{source} does not exist: check its name.")
        if source.is_dir():
            raise InputError(f"{source} is a folder: name a file inside it.")
        if not source.is_file():
            raise InputError(f"{source} is not an ordinary file: give {wanted}.")
        if source.stat().st_size == 0:
            raise InputError(f"{source} is an empty file: give {wanted}.")
        with source.open("rb"):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{source} cannot be read ({reason}): check its permissions.") from error
    return source


def open_media(path: str | Path, wanted: str) -> Any:
    """A media file, open to read from: an ``av.container.InputContainer``.

    It can open no other file and no connection.
    ``wanted`` says in errors what to give instead, such as "a video". Raises :class:`InputError`.
    """
    import av

    source = check_file(path, wanted)
    if _is_playlist(source):
        raise InputError(f"{source} is a list of other files: name one of them.")
    # the prefix keeps a name such as "a:b.mp4" from being read as a protocol
    name = f"file:{source}"
    options = {"protocol_whitelist": "file", "format_whitelist": _readers()}
    with plain_read_errors(source, wanted):
        # tags need not be text; from PyAV 19 on they come as they are
        lenient = {"metadata_errors": "ignore"} if PYAV < 19 else {}
        if (moving := _as_apng(source)) is not None:
            return av.open(moving)
        return av.open(name, options=options, **lenient)


@contextmanager
def plain_read_errors(path: Path, wanted: str) -> Iterator[None]:
    """Turn what FFmpeg and the system say about reading ``path`` into an :class:`InputError`."""
    import av

    try:
        yield
    except (av.error.FFmpegError, OSError) as error:
        # where no reader takes a file, FFmpeg calls the argument invalid
        if isinstance(error, av.error.InvalidDataError) or error.errno == errno.EINVAL:
            raise InputError(
                f"{path} is not {wanted}, or damaged or cut short: give another file."
            ) from error
        raise InputError(f"{path} cannot be read ({error.strerror}): give another file.") from error


def _as_apng(path: Path) -> io.BytesIO | None:
    """An animated WebP, which FFmpeg reads from its version 8.1 on only, as a PNG; None for all else."""
    from PIL import Image, ImageSequence

    try:
        with path.open("rb") as file:
            head = file.read(12)
        if head[:4] + head[8:] != b"RIFFWEBP":
            return None
        with Image.open(path, formats=("WEBP",)) as picture:
            if not getattr(picture, "is_animated", False):
                return None
            frames, lengths = [], []
            for frame in ImageSequence.Iterator(picture):
                frames.append(frame.convert("RGBA"))
                lengths.append(frame.info["duration"])
            out = io.BytesIO()
            options = {"append_images": frames[1:], "duration": lengths, "compress_level": 1}
            frames[0].save(out, "PNG", save_all=True, **options)
            out.seek(0)
            return out
    except (OSError, ValueError, KeyError):
        return None


@cache
def _readers() -> str:
    """FFmpeg's readers that stay in their own file, as it takes a list."""
    import av

    def stays(name: str) -> bool:
        try:
            return name not in REACHING and av.ContainerFormat(name).is_input
        except ValueError:
            # formats that can only be written
            return False

    return ",".join(sorted(filter(stays, av.formats_available)))


def _is_playlist(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf").lstrip().startswith(PLAYLISTS)
    except OSError:
        return False
