"""Scores: a show as a text, line by line, that can be read, edited and drawn again.

JSON lines. The first says what the show began with, each of the others what changed and when; docs/scores.md
explains them to people.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from phosphene.config import PipelineConfig, explain
from phosphene.errors import ConfigError, InputError
from phosphene.show.changes import with_values
from phosphene.show.director import DirectorState, restore
from phosphene.show.looks import flatten, nest
from phosphene.show.mapping import find_mapping
from phosphene.show.routes import check_routes
from phosphene.text import read_text
from phosphene.video.files import checksum

Hear = Literal["nothing", "song", "sound", "soundcard"]
BeatAction = Literal["tap", "double", "half", "nudge", "release"]
FORMAT = 1
ENDING = ".score"
MOST_BYTES = 1 << 30
"""nobody performs so much"""
DIGITS = 6
"""of times behind the point: microseconds"""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Where(_Line):
    """What is heard and seen."""

    hear: Hear = "nothing"
    see: bool = False
    song: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    """SHA-256 of its file"""
    name: str | None = Field(None, max_length=300)
    """of that file, for people"""


class Playhead(_Line):
    """Where the song is at that moment, and how far pictures run ahead."""

    position: float
    playing: bool
    rate: float = Field(1.0, ge=0, le=16)
    lead: float = Field(0.0, ge=0, le=5)


class Hand(_Line):
    """A correction of the beat, made ``ago`` seconds before its line."""

    action: BeatAction
    ago: float = 0.0
    seconds: float = 0.0


OuterSource = Literal["link", "midi"]


class Tempo(_Line):
    """What another program counts: Ableton Link, MIDI clock. A tempo of 0: it counts no more."""

    source: OuterSource
    tempo: float = Field(ge=0, le=1000)
    beats: float = 0.0
    """counted by then; a bar begins at every multiple of ``bar``"""
    bar: int = Field(4, ge=1, le=32)
    running: bool = True


class Pulse(_Line):
    """Where the show's own slow beat is while nothing is heard."""

    tempo: float = Field(gt=0, le=1000)
    beats: float


class Change(_Line):
    """One line: what changed. A line of a time alone says that the show went on until then."""

    at: float = Field(ge=0)
    """seconds since the show began"""
    set: dict[str, JsonValue] | None = None
    """settings by path"""
    source: Where | None = None
    clock: Playhead | None = None
    beat: Hand | None = None
    tempo: Tempo | None = None
    pulse: Pulse | None = None
    scene: Literal[True] | None = None
    """go to a new place"""
    controllers: dict[str, float] | None = None
    """0..1 by name"""

    @property
    def changes(self) -> bool:
        """Whether anything does."""
        return bool(self.model_fields_set - {"at"})

    def line(self) -> str:
        """As text."""
        told = self.model_dump(mode="json", exclude_unset=True)
        told["at"] = round(self.at, DIGITS)
        return json.dumps(told, ensure_ascii=False, separators=(", ", ": "))


class Head(_Line):
    """The first line."""

    phosphene_score: int
    fps: float = Field(30.0, ge=1, le=240)
    """frames a second of the show as it was played"""
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    """by path; those that are not named are the usual ones"""
    state: JsonValue = None
    """where the director was, of a show that had begun before"""
    sound: str | None = Field(None, pattern=r"^[^/\\]+$")
    """file beside this one that holds what a microphone heard"""
    pictures: str | None = Field(None, pattern=r"^[^/\\]+$")
    """file beside this one that holds what a camera saw"""


@dataclass(frozen=True)
class Score:
    """A show, written down."""

    head: Head
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    """what was found to be amiss and did not matter, one sentence each"""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.changes[-1].at if self.changes else 0.0

    @property
    def config(self) -> PipelineConfig:
        """What it begins with. Raises :class:`ConfigError`."""
        return config_from(self.head.settings)

    @property
    def state(self) -> DirectorState:
        """Where the director is at its beginning. Raises :class:`InputError`."""
        told = self.head.state
        return DirectorState() if told is None else restore(json.dumps(told).encode())

    @property
    def songs(self) -> dict[str, str | None]:
        """Hashes and names of the songs that it plays."""
        sources = [change.source for change in self.changes if change.source is not None]
        return {each.song: each.name for each in sources if each.song is not None}

    def lines(self) -> Iterator[str]:
        """As text, line by line."""
        yield head_line(self.head)
        yield from (change.line() for change in self.changes)


def sound_beside(path: Path) -> Path:
    """Where the sound of a score lies that a microphone heard."""
    return path.with_name(path.name + ".wav")


def pictures_beside(path: Path) -> Path:
    """Where the pictures of a score lie that a camera saw."""
    return path.with_name(path.name + ".mkv")


def config_from(settings: Mapping[str, JsonValue]) -> PipelineConfig:
    """Settings by path over the usual ones. Raises :class:`ConfigError`."""
    return PipelineConfig.from_dict(nest(settings))


def settings_of(config: PipelineConfig) -> dict[str, JsonValue]:
    """All settings by path, for a head; what is unset is left out."""
    return {path: value for path, value in flatten(config).items() if value is not None}


def head_line(head: Head) -> str:
    """A head as text."""
    told = head.model_dump(mode="json", exclude_none=True)
    return json.dumps(told, ensure_ascii=False, separators=(", ", ": "))


def read(path: str | Path) -> Score:
    """Read and check a score; one that was cut off is read as far as it goes.

    Raises :class:`InputError` in one sentence that names the line.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} is too large for a score.")
    except OSError as error:
        raise InputError(f"cannot read the score {path}: {error.strerror}.") from error
    return parse(read_text(path, "score"), str(path))


def parse(text: str, name: str = "the score") -> Score:
    """A score from its text, checked. Raises :class:`InputError`."""
    whole = text.endswith("\n")
    # a prompt may hold any other sign that ends a line elsewhere, such as U+2028
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise InputError(f"{name} is empty: a score begins with a line of its settings.")
    head = _head(lines[0][1], name)
    changes: list[Change] = []
    notes: list[str] = []
    config = _checked_config(head, name)
    for number, line in lines[1:]:
        where = f"{name}, line {number}"
        try:
            change = Change.model_validate_json(line)
        except ValidationError as error:
            if number == lines[-1][0] and not whole:
                notes.append(f"{name} breaks off in line {number}: it is read up to there.")
                break
            raise InputError(f"{where}: {_fault(error)}.") from error
        if changes and change.at < changes[-1].at:
            raise InputError(
                f"{where}: {change.at:g} s comes after {changes[-1].at:g} s: lines must be in order of time."
            )
        if change.set is not None:
            try:
                config = with_values(config, change.set)
            except ConfigError as error:
                raise InputError(f"{where}: {error}") from error
        changes.append(change)
    return Score(head, tuple(changes), tuple(notes))


def write(score: Score, path: Path) -> None:
    """Write a score. Raises OSError."""
    path.write_text("".join(line + "\n" for line in score.lines()), encoding="utf-8")


def trim(score: Score, start: float, end: float | None) -> Score:
    """The part between two times, which begins as the whole would have been then.

    Settings, source and song clock at ``start`` become its beginning; walk and shapes begin anew.
    Raises :class:`InputError`.
    """
    end = score.seconds if end is None else end
    if not 0 <= start < end <= score.seconds:
        raise InputError(
            f"a part from {start:g} to {end:g} s does not lie in a score of {score.seconds:g} s."
        )
    before = [change for change in score.changes if change.at <= start]
    config = score.config
    for change in before:
        if change.set is not None:
            config = with_values(config, change.set)
    opening = list(_opening(before, start))
    rest = [
        change.model_copy(update={"at": change.at - start})
        for change in score.changes
        if start < change.at <= end
    ]
    if not rest or rest[-1].at < end - start:
        rest.append(Change(at=end - start))
    settings = settings_of(config)
    state = score.head.state if start == 0 else None
    alone = {"settings": settings, "state": state, "sound": None, "pictures": None}
    head = score.head.model_copy(update=alone)
    notes = (
        *(["what a microphone heard is left out of a part."] if score.head.sound else []),
        *(["what a camera saw is left out of a part."] if score.head.pictures else []),
    )
    return replace(score, head=head, changes=(*opening, *rest), notes=notes)


def _opening(before: Sequence[Change], start: float) -> Iterator[Change]:
    """What of earlier lines still holds at ``start``."""
    source = [change for change in before if change.source is not None]
    if source:
        yield Change(at=0.0, source=source[-1].source)
    clocks = [change for change in before if change.clock is not None]
    if clocks and clocks[-1].clock is not None:
        clock = clocks[-1].clock
        passed = (start - clocks[-1].at) * clock.rate if clock.playing else 0.0
        yield Change(at=0.0, clock=clock.model_copy(update={"position": clock.position + passed}))
    counting = {change.tempo.source: change for change in before if change.tempo is not None}
    for change in counting.values():
        assert change.tempo is not None
        yield Change(at=0.0, tempo=later(change.tempo, start - change.at))
    turned: dict[str, float] = {}
    for change in before:
        turned |= change.controllers or {}
    if turned:
        yield Change(at=0.0, controllers=turned)


def later(tempo: Tempo, seconds: float) -> Tempo:
    """What it says so much later, if nothing else was said."""
    passed = seconds * tempo.tempo / 60.0 if tempo.running else 0.0
    return tempo.model_copy(update={"beats": round(tempo.beats + passed, DIGITS)})


def describe(score: Score) -> str:
    """A few lines for people."""
    kinds = ("set", "source", "clock", "beat", "tempo", "scene", "controllers")
    counts = {
        kind: sum(getattr(change, kind) is not None for change in score.changes) for kind in kinds
    }
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "none"
    lines = [
        f"length: {score.seconds:.1f} s, played at {score.head.fps:g} frames a second",
        f"prompt: {score.config.prompt.base_prompt}",
        f"changes: {told}",
    ]
    for digest, name in score.songs.items():
        lines.append(f"song: {name or 'no name'} (SHA-256 {digest[:12]}...)")
    if score.head.sound is not None:
        lines.append(f"sound: {score.head.sound}")
    if score.head.pictures is not None:
        lines.append(f"pictures: {score.head.pictures}")
    for change in score.changes:
        if change.changes:
            what = change.model_dump(mode="json", exclude_unset=True, exclude={"at"})
            lines.append(f"{change.at:9.3f}  {json.dumps(what, ensure_ascii=False)}")
    return "\n".join([*lines, *score.notes])


def song_hash(path: Path) -> str:
    """SHA-256 of a song's file. Raises :class:`InputError`."""
    try:
        return checksum(path)
    except OSError as error:
        raise InputError(f"cannot read the song {path}: {error.strerror}.") from error


def match_songs(score: Score, given: Iterable[Path], beside: Path) -> dict[str, Path]:
    """The file of each song that a score plays, by hash: among ``given``, or in the folder ``beside``.

    Raises :class:`InputError` for one that is missing, or another one.
    """
    given = list(given)
    found = {song_hash(path): path for path in given}
    matched: dict[str, Path] = {}
    for digest, name in score.songs.items():
        near = beside / name if name and Path(name).name == name else None
        if digest not in found and near is not None and near.is_file():
            found.setdefault(song_hash(near), near)
        if digest in found:
            matched[digest] = found[digest]
            continue
        called = f"'{name}'" if name else "a song without a name"
        wanted = f"{called} (SHA-256 {digest[:12]}...)"
        if given:
            raise InputError(
                f"{given[0]} is another file than {wanted}, which the score plays: give that very file."
            )
        raise InputError(f"the score plays {wanted}: name its file before --score.")
    strange = [path for path in given if path not in matched.values()]
    if strange:
        raise InputError(f"the score does not play {strange[0]}.")
    return matched


def _head(line: str, name: str) -> Head:
    try:
        given = json.loads(line)
    except ValueError as error:
        raise InputError(f"{name} is no score: its first line is not JSON.") from error
    if not isinstance(given, dict) or not isinstance(given.get("phosphene_score"), int):
        raise InputError(f"{name} is no score: its first line does not say phosphene_score.")
    if given["phosphene_score"] > FORMAT:
        raise InputError(
            f"{name} was written by a newer phosphene (score format {given['phosphene_score']},"
            f" this one reads {FORMAT}): update phosphene."
        )
    try:
        return Head.model_validate(given)
    except ValidationError as error:
        raise InputError(f"{name}, line 1: {_fault(error)}.") from error


def _checked_config(head: Head, name: str) -> PipelineConfig:
    try:
        config = config_from(head.settings)
        find_mapping(config.react.mapping)
        check_routes(config)
    except ConfigError as error:
        raise InputError(f"{name}, line 1: {error}") from error
    return config


def _fault(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return "this is not JSON"
    if first["type"] == "extra_forbidden":
        return f"unknown word '{'.'.join(map(str, first['loc']))}'"
    return explain(error).rstrip(".")
