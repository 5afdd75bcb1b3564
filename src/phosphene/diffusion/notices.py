"""Telling the user, once, what was asked for and is not on."""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import lru_cache

from phosphene.config import DiffusionConfig

_LOGGER = logging.getLogger("phosphene")


@lru_cache(maxsize=1024)
def say_once(message: str) -> None:
    """Warn with ``message``, unless it was just said. ``say_once.cache_clear()`` forgets."""
    _LOGGER.warning(message)


def say_unheeded(config: DiffusionConfig, names: Collection[str], reason: str) -> None:
    """Warn of the settings among ``names`` that were changed though nothing heeds them, and why."""
    usual = DiffusionConfig()
    # in the order of the config, so that the sentence is always the same one
    asked = [
        name
        for name in DiffusionConfig.model_fields
        if name in names and getattr(config, name) != getattr(usual, name)
    ]
    if asked:
        say_once(f"{' and '.join(asked)} {'is' if len(asked) == 1 else 'are'} off: {reason}.")


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or its type when it has none, without a full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(". ") if lines else type(error).__name__
