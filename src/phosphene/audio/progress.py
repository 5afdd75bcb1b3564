"""How far a long job is: a function that is told a share, 0..1."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float], None]
STEP = 0.01
"""share that is worth telling"""


def untold(share: float) -> None:
    """For jobs that nobody watches."""


def part(progress: Progress, begin: float, end: float) -> Progress:
    """What one stage of a job is told, as its stretch ``begin`` .. ``end`` of the whole."""
    return lambda share: progress(begin + (end - begin) * share)


def in_steps(progress: Progress) -> Progress:
    """Pass on only what is further by :data:`STEP`, and the end; never backwards."""
    told = -1.0

    def tell(share: float) -> None:
        nonlocal told
        share = min(share, 1.0)
        if share >= told + STEP or told < share == 1.0:
            told = share
            progress(share)

    return tell
