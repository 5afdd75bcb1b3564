"""What can go wrong, said plainly.

Every error a user can cause is a :class:`PhospheneError` whose text is one sentence that says what
is wrong and what to do. The command line prints it and exits with code 2; it never shows a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PhospheneError(Exception):
    """Base of every error that is the outside world's doing, not a bug."""


class InputError(PhospheneError):
    """Something the user handed in cannot be used: a file, a size, a prompt."""


class ConfigError(PhospheneError):
    """A configuration key or value that does not exist or is out of range."""


class OutputError(PhospheneError):
    """The result cannot be written where it was asked for."""


class MissingExtraError(PhospheneError):
    """An optional part is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra [{extra}]: pip install 'phosphene[{extra}]'.")
        self.extra = extra


class ModelError(PhospheneError):
    """A model cannot be found, loaded or run."""


def in_words(error: PhospheneError | OSError) -> str:
    """One sentence for an error of ours, or for what the system says about a name or a file."""
    if isinstance(error, PhospheneError):
        return str(error)
    place = "" if error.filename is None else f" {error.filename}"
    return f"cannot use{place}: {error.strerror or error}."


def hint(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """The known name that was meant, as the end of a sentence; else ``otherwise``, or all of them."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"did you mean '{near[0]}'?"
    return otherwise or f"known: {', '.join(known)}."
