"""Text files as people's programs write them: UTF-8 with and without its mark, and UTF-16."""

from __future__ import annotations

import codecs
from pathlib import Path

from phosphene.errors import InputError, PhospheneError

MARKS = (
    # the longer first: UTF-32's begins like UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""byte order marks, and the codec that takes them away"""


def read_text(path: str | Path, what: str, error: type[PhospheneError] = InputError) -> str:
    """The text of a file, its lines as they are; ``what`` says in errors which file it is.

    Takes UTF-8, and UTF-16 and UTF-32 as PowerShell and Excel write them. Raises ``error``.
    """
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise error(f"cannot read the {what} {path}: {reason}.") from problem
    encoding = encoding_of(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise error(
            f"the {what} {path} is not {encoding.removesuffix('-sig').upper()} text (line {line}, byte"
            f" 0x{data[problem.start]:02x}): save it as UTF-8."
        ) from problem


def encoding_of(data: bytes) -> str:
    """Python's name of the encoding: what a mark says, UTF-16 where every other byte is zero, else UTF-8."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return encoding
    head = data[:200]
    if len(head) >= 4 and len(data) % 2 == 0:
        # letters of plain English, as keys of settings are
        if not any(head[1::2]) and all(head[0::2]):
            return "utf-16-le"
        if not any(head[0::2]) and all(head[1::2]):
            return "utf-16-be"
    return "utf-8"


def legible(text: str) -> str:
    """A prompt as it was typed, if it is text. Raises :class:`InputError`."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as problem:
        raise InputError(
            f"the prompt {text!a} is not UTF-8 text: type it in a terminal that is set to UTF-8."
        ) from problem
    return text
