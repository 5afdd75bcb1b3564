"""Changes that wait: for the next beat, bar or section, for a place in the song, for the autopilot's turn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from phosphene.config import PipelineConfig
from phosphene.show.live.dream import Dream
from phosphene.show.live.feature_frame import FeatureFrame
from phosphene.show.live.song import Song
from phosphene.show.live.types import Id, On
from phosphene.show.looks import flatten
from phosphene.show.sets import Laid, Pilot

MOST_WAITING = 64
"""changes; the oldest make way"""
BACK_SECONDS = 1.0
"""of the song: a clock may say a little less than before, when pictures run less far ahead"""
AHEAD_SECONDS = 2.0
"""between two frames, in the show's own time; more is a jump"""
BAR = 4.0
"""beats, where nobody counts bars"""
SECTION = 32.0
"""beats, where nobody hears sections"""


@dataclass(frozen=True)
class Due:
    """What happens at this frame, all of it together."""

    values: dict[str, JsonValue] = field(default_factory=dict)
    scenes: int = 0
    look: str | None = None
    """the name of the look that is taken"""
    ids: tuple[Id, ...] = ()
    """of the waiting changes among them"""
    position: float | None = None
    """seconds in the song"""

    def __bool__(self) -> bool:
        return bool(self.values or self.scenes or self.ids)


@dataclass(frozen=True)
class Waiting:
    """A change that a performer wants at a moment of the music."""

    on: On
    values: Mapping[str, JsonValue]
    scene: bool = False
    id: Id = None
    """whoever asked calls it so"""


class Timed:
    """What is to happen by itself. Belongs to whoever holds the session's lock."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []
        self._cues: dict[str, Sequence[Laid]] = {}
        self._pilot: Pilot | None = None
        self._marks: dict[str, int] = {}
        self._origin: object | None = None
        self._song: str | None = None
        self._position: float | None = None
        self._then = 0.0

    def wait(self, waiting: Waiting) -> list[Waiting]:
        """Do it when its moment comes; the older ones whose place it takes."""
        gone = self.forget(waiting.values)
        self._waiting.append(waiting)
        gone += self._waiting[:-MOST_WAITING]
        del self._waiting[:-MOST_WAITING]
        return gone

    def forget(self, values: Mapping[str, JsonValue]) -> list[Waiting]:
        """Something newer sets these: drop what waits to set nothing else."""
        gone = [
            each for each in self._waiting if each.values and each.values.keys() <= values.keys()
        ]
        self._waiting = [each for each in self._waiting if each not in gone]
        return gone

    def lay(self, cues: Mapping[str, Sequence[Laid]], pilot: Pilot | None) -> None:
        """Play a set: cues by the hash of their song's file, in order; and its autopilot."""
        before = self._held()
        self._cues, self._pilot = dict(cues), pilot
        if self._held() != before:
            # what was laid, or moved away, behind the place that plays now is made good
            self._position = None

    def _held(self) -> list[Laid]:
        """Cues that the song that plays has passed."""
        if self._song is None or self._position is None:
            return []
        cues = self._cues.get(self._song, ())
        return [each for each in cues if each.change.at <= (self._position or 0.0)]

    def due(self, heard: FeatureFrame, song: str | None, now: float, config: PipelineConfig) -> Due:
        """What happens at a frame that shows ``heard``; ``song`` is the one that plays."""
        crossed = self._crossed(heard)
        values: dict[str, JsonValue] = {}
        look: str | None = None
        scenes = 0
        if "section" in crossed and self._pilot is not None:
            section = self._marks["section"]
            found = self._pilot.choose(section, flatten(config))
            if found is not None:
                look, values = found[0], dict(found[1])
        laid = self._passed(heard, song, now)
        for each in laid:
            values |= each.change.set or {}
            look = each.look or look
            scenes += each.change.scene is not None
        ready = [each for each in self._waiting if each.on in crossed]
        self._waiting = [each for each in self._waiting if each.on not in crossed]
        for waiting in ready:
            values |= waiting.values
            scenes += waiting.scene
        return Due(values, scenes, look, tuple(each.id for each in ready), heard.position)

    def _crossed(self, heard: FeatureFrame) -> set[str]:
        """Which of beat, bar and section began since the last frame."""
        moment, dreams = heard.moment, isinstance(heard.origin, Dream)
        beats = moment.beat_position
        marks = {
            "beat": math.floor(beats),
            "bar": math.floor(beats / BAR) if dreams else moment.bar,
            "section": math.floor(beats / SECTION) if dreams else moment.section,
        }
        before, same = self._marks, self._origin is heard.origin
        self._marks, self._origin = marks, heard.origin
        return {name for name in marks if same and marks[name] != before[name]}

    def _passed(self, heard: FeatureFrame, song: str | None, now: float) -> Sequence[Laid]:
        """Cues that the song has come to; after a jump all that hold at its new place."""
        if song != self._song:
            self._song, self._position = song, None
        at, before, passed = heard.position, self._position, now - self._then
        self._then = now
        if song is None or at is None or not isinstance(heard.origin, Song):
            return ()
        cues = self._cues.get(song, ())
        jumped = (
            before is None
            or at < before - BACK_SECONDS
            or at > before + max(AHEAD_SECONDS, AHEAD_SECONDS * passed * heard.origin.clock.rate)
        )
        self._position = at if jumped or before is None else max(at, before)
        if jumped or before is None:
            # a new place is asked for at a place, not after it
            return tuple(_still(each) for each in cues if each.change.at <= at)
        return tuple(each for each in cues if before < each.change.at <= at)


def _still(laid: Laid) -> Laid:
    """What holds of a cue that is long over."""
    return Laid(laid.change.model_copy(update={"scene": None}), laid.look)
