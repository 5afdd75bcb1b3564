"""A live show: pictures while the music plays."""

from phosphene.show.live.cores import side_by_side
from phosphene.show.live.outer import OuterBeat
from phosphene.show.live.playing import Players, Playing
from phosphene.show.live.session import Session
from phosphene.show.live.types import (
    BeatAction,
    Field,
    Hear,
    Level,
    SessionStats,
    Shown,
    Source,
    Wanted,
)

__all__ = [
    "BeatAction",
    "Field",
    "Hear",
    "Level",
    "OuterBeat",
    "Players",
    "Playing",
    "Session",
    "SessionStats",
    "Shown",
    "Source",
    "Wanted",
    "side_by_side",
]
