"""What goes to the thread that draws, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass

from phosphene.integrations.scope.loras import Loras
from phosphene.integrations.scope.tempo import Beat
from phosphene.integrations.scope.values import Values
from phosphene.show.live.types import Frame


@dataclass(frozen=True)
class Wish:
    """What the user wants to see. The same object while nothing changes."""

    values: Values
    text: str
    """a prompt, or a blend of several"""
    seconds: float | None
    """length of the change to it; None: as set"""
    loras: Loras = ()


@dataclass(frozen=True)
class Order:
    """What one frame is asked to be."""

    wish: Wish
    arrived: float
    """monotonic seconds"""
    tensor: object = None
    """the input picture as Scope gave it; None to draw from nothing"""
    timestamp: object = None
    """Scope's, of that picture"""
    beat: Beat | None = None
    reset: bool = False
    """forget what was drawn before"""


@dataclass(frozen=True)
class Painted:
    """A finished picture and the order it answers to."""

    image: Frame
    order: Order
