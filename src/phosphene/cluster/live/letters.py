"""What travels between a server and the machines that play its sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from phosphene.config import PipelineConfig
from phosphene.diffusion import ModelFacts
from phosphene.show.live import SessionStats, Shown

Act = Literal[
    "set",
    "use",
    "picture",
    "sound",
    "clock",
    "beat",
    "scene",
    "hold",
    "seen",
    "controllers",
    "on_credit",
]
"""methods of :class:`~phosphene.show.live.Session`; the last is called with a number"""
TIMES: dict[Act, int] = {"picture": 1, "sound": 2, "clock": 4, "beat": 1}
"""which of their arguments is a time, and must be said on the player's clock"""


@dataclass(frozen=True, eq=False)
class Call:
    """One method of a session, to be called far away."""

    act: Act
    arguments: tuple[Any, ...]

    def moved(self, seconds: float) -> Call:
        """The same with its time on a clock that is so far ahead."""
        place = TIMES.get(self.act)
        if place is None:
            return self
        arguments = list(self.arguments)
        arguments[place] += seconds
        return Call(self.act, tuple(arguments))


@dataclass(frozen=True)
class Ready:
    """A player that is up."""

    version: str
    """of phosphene"""
    host: str
    facts: ModelFacts
    config: PipelineConfig
    """with what its model suggests, and the size that it draws"""


@dataclass(frozen=True, eq=False)
class News:
    """What happened to a session since it was asked last."""

    shown: Shown | None
    """the newest picture, with times on the player's clock; None: no new one"""
    stats: SessionStats
    credits: int
    """input pictures that may be sent now"""
    listener: int
    """whom the credits are for: the number given with ``on_credit``"""
    errors: tuple[str, ...]
