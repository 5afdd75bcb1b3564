"""Telling the user, once, what was asked for and is not on."""

from __future__ import annotations

import logging
from functools import lru_cache

_LOGGER = logging.getLogger("phosphene")


@lru_cache(maxsize=1024)
def say_once(message: str) -> None:
    """Warn with ``message``, unless it was just said. ``say_once.cache_clear()`` forgets."""
    _LOGGER.warning(message)


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or its type when it has none, without a full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(". ") if lines else type(error).__name__
