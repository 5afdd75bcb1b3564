"""Which videos, and what becomes of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from glob import escape, glob, has_magic
from pathlib import Path

from phosphene.errors import InputError
from phosphene.video.target import EXTENSIONS

MADE = ".drawn"
"""between the name of a source and the ending of what was made of it"""
VIDEO_ENDINGS = (
    *(".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".h264", ".hevc"),
    *(".ivf", ".m1v", ".m2t", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4"),
    *(".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rm", ".rmvb"),
    *(".ts", ".vob", ".webm", ".wmv", ".y4m"),
)
"""what is taken from a folder; a file that is named may end in anything"""


def pairs(given: Sequence[str], output: str | None) -> list[tuple[Path, Path]]:
    """Each source with the file to make of it; ``given`` are files, folders and patterns.

    Without an ``output``, or in a folder where it would meet its source, what is made of ``a.mov`` is
    called ``a.drawn.mp4``. Raises :class:`InputError`.
    """
    sources = [path for text in given for path in _expand(text)]
    many = len(sources) > 1 or any(Path(text).is_dir() for text in given)
    if output is None:
        outs = [Path(path.stem + MADE + ".mp4") for path in sources]
    elif many or output.endswith(("/", "\\")) or Path(output).is_dir():
        outs = [_inside(Path(output), path) for path in sources]
    else:
        outs = [Path(output)]
    clash = sorted({str(out) for out in outs if outs.count(out) > 1})
    if clash:
        raise InputError(f"two videos would both become {clash[0]}: rename one.")
    return list(zip(sources, outs, strict=True))


def _expand(text: str) -> Iterator[Path]:
    path = Path(text)
    if path.is_dir():
        found = [p for p in sorted(path.iterdir()) if _looks_like_source(p)]
        if not found:
            raise InputError(f"the folder {text} has no video in it.")
    elif has_magic(text) and not path.exists():
        found = [p for p in matching(text) if p.is_file() and not is_side_file(p)]
        if not found:
            raise InputError(f"nothing is called {text}.")
    else:
        found = [path]
    yield from found


def matching(pattern: str) -> list[Path]:
    """What a pattern names, in order; brackets in the names of folders that are there are no pattern."""
    parts, there, literal = [], Path(), True
    for part in Path(pattern).parts:
        literal = literal and (there / part).exists()
        there /= part
        parts.append(escape(part) if literal else part)
    # the pattern may be absolute, which Path.glob does not take
    named = glob(str(Path(*parts)), recursive=True)  # noqa: PTH207
    named = named or glob(pattern.replace("[", "[[]"), recursive=True)  # noqa: PTH207
    return sorted(map(Path, named))


def is_side_file(path: Path) -> bool:
    """Whether a file is what macOS puts beside another on foreign disks: ``._Song.mp3`` is no song."""
    return path.name.startswith("._")


def _looks_like_source(path: Path) -> bool:
    if is_side_file(path):
        return False
    return path.is_file() and path.suffix.lower() in VIDEO_ENDINGS and not path.stem.endswith(MADE)


def _inside(folder: Path, source: Path) -> Path:
    if folder.suffix.lower() in EXTENSIONS and not folder.is_dir():
        raise InputError(f"several videos do not fit into one file {folder}: give a folder.")
    out = folder / (source.stem + ".mp4")
    meets = out.exists() and source.exists() and out.samefile(source)
    return folder / (source.stem + MADE + ".mp4") if meets else out
