"""What travels between a server and the machines that play its sessions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from pydantic import JsonValue

from phosphene.audio.types import FloatArray
from phosphene.config import PipelineConfig
from phosphene.diffusion import ModelFacts
from phosphene.show.live import BeatAction, OuterBeat, Session, SessionStats, Shown, Source, Wanted
from phosphene.show.live.types import Changed, Frame, Id, On
from phosphene.show.sets import Laid, Pilot


@dataclass(frozen=True, eq=False)
class Call(ABC):
    """Something to be said to a session that is far away; the session says what each does."""

    TIME: ClassVar[str | None] = None
    """which field is a time, and must be said on the player's clock"""

    @abstractmethod
    def apply(self, session: Session) -> None:
        """Say it. Raises PhospheneError."""

    def moved(self, seconds: float) -> Self:
        """The same with its time on a clock that is so far ahead."""
        if self.TIME is None:
            return self
        return replace(self, **{self.TIME: getattr(self, self.TIME) + seconds})


@dataclass(frozen=True, eq=False)
class Set(Call):
    """Settings by path."""

    values: Mapping[str, JsonValue]
    on: On | None = None
    id: Id = None

    def apply(self, session: Session) -> None:
        session.set(self.values, self.on, self.id)


@dataclass(frozen=True, eq=False)
class Lay(Call):
    """The set that is played."""

    cues: Mapping[str, Sequence[Laid]]
    pilot: Pilot | None

    def apply(self, session: Session) -> None:
        session.lay(self.cues, self.pilot)


@dataclass(frozen=True, eq=False)
class Use(Call):
    """What it reacts to."""

    source: Source

    def apply(self, session: Session) -> None:
        session.use(self.source)


@dataclass(frozen=True, eq=False)
class Picture(Call):
    """An input picture."""

    TIME = "captured"
    data: bytes | Frame
    captured: float

    def apply(self, session: Session) -> None:
        session.picture(self.data, self.captured)


@dataclass(frozen=True, eq=False)
class Sound(Call):
    """What a microphone heard."""

    TIME = "captured"
    samples: FloatArray
    rate: int
    captured: float

    def apply(self, session: Session) -> None:
        session.sound(self.samples, self.rate, self.captured)


@dataclass(frozen=True, eq=False)
class Clock(Call):
    """Where the song is."""

    TIME = "at"
    position: float
    playing: bool
    rate: float
    lead: float
    at: float

    def apply(self, session: Session) -> None:
        session.clock(self.position, self.playing, self.rate, self.lead, self.at)


@dataclass(frozen=True, eq=False)
class Beat(Call):
    """A correction of the beat."""

    TIME = "at"
    action: BeatAction
    at: float
    seconds: float

    def apply(self, session: Session) -> None:
        session.beat(self.action, self.at, self.seconds)


@dataclass(frozen=True, eq=False)
class Follow(Call):
    """Beats that another program counts."""

    beat: OuterBeat

    def moved(self, seconds: float) -> Self:
        return replace(self, beat=replace(self.beat, at=self.beat.at + seconds))

    def apply(self, session: Session) -> None:
        session.follow(self.beat)


@dataclass(frozen=True, eq=False)
class Scene(Call):
    """A new place."""

    on: On | None = None

    def apply(self, session: Session) -> None:
        session.scene(self.on)


@dataclass(frozen=True, eq=False)
class Hold(Call):
    """Whether it rests."""

    held: bool

    def apply(self, session: Session) -> None:
        session.hold(self.held)


@dataclass(frozen=True, eq=False)
class Want(Call):
    """In which shapes pictures are asked for."""

    wanted: Wanted

    def apply(self, session: Session) -> None:
        session.want(self.wanted)


@dataclass(frozen=True, eq=False)
class Seen(Call):
    """How old pictures are where they are seen."""

    age_ms: float

    def apply(self, session: Session) -> None:
        session.seen(self.age_ms)


@dataclass(frozen=True, eq=False)
class Controllers(Call):
    """Knobs that were turned."""

    values: Mapping[str, float]

    def apply(self, session: Session) -> None:
        session.controllers(self.values)


@dataclass(frozen=True)
class Credit:
    """Credits are for somebody new."""

    listener: int

    def moved(self, seconds: float) -> Credit:
        """It tells no time."""
        return self


Letter = Call | Credit


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
    changes: tuple[Changed, ...] = ()
    """settings that changed by themselves"""
