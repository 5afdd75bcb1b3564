"""Sets: songs in order with cues on their bars, as one file that a page plays and `render --set` draws.

A cue is a timed change on its song's own clock: laid on a song it is a line of a score
(:mod:`phosphene.show.score`), live and drawn alike. docs/sets.md explains the file to people.
"""

from __future__ import annotations

import contextlib
import json
import random
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from phosphene.audio.types import AudioFeatures
from phosphene.config import PipelineConfig, explain
from phosphene.errors import ConfigError, InputError
from phosphene.show.changes import with_values
from phosphene.show.looks import flatten, look_settings
from phosphene.show.score import FORMAT as SCORE_FORMAT
from phosphene.show.score import (
    Change,
    Head,
    Playhead,
    Score,
    Where,
    config_from,
    settings_of,
    song_hash,
)
from phosphene.text import encoding_of

FORMAT = 1
ENDING = ".set"
INSIDE = "set.json"
"""of a packed set: the set itself, beside its songs"""
MOST_BYTES = 16_000_000
"""of a set without its songs"""
MOST_PACKED = 4 << 30
MOST_CUES = 2000
"""of a song"""
Values = dict[str, JsonValue]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Cue(_Part):
    """What changes at a place of a song, said in seconds or as a bar."""

    at: float | None = Field(None, ge=0, le=1e6)
    """seconds in the song"""
    bar: int | None = Field(None, ge=1, le=100_000)
    """instead: the first beat of this bar, counted from 1"""
    look: str | None = Field(None, max_length=100)
    """by name: one of the set's own looks, or one that ships"""
    prompt: str | None = Field(None, max_length=20_000)
    transition: float | None = Field(None, ge=0, le=600)
    """seconds that prompts take from here on, this cue's own included"""
    set: Values | None = None
    """settings by path"""
    blackout: bool | None = None
    scene: Literal[True] | None = None
    """go to a new place"""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.at is None) == (self.bar is None):
            raise ValueError("a cue says where it is, in seconds (at) or as a bar (bar)")
        if not self.model_fields_set - {"at", "bar"}:
            raise ValueError(
                "a cue says what changes: look, prompt, transition, set, blackout or scene"
            )
        return self

    def values(self, looks: Mapping[str, Values]) -> Values:
        """All that it sets; its prompt and settings count over its look."""
        values: Values = {}
        if self.look is not None:
            values |= looks[self.look]
        if self.transition is not None:
            values["prompt.transition_seconds"] = self.transition
        if self.prompt is not None:
            values["prompt.base_prompt"] = self.prompt
        if self.blackout is not None:
            values["live.blackout"] = self.blackout
        return values | (self.set or {})


class Song(_Part):
    """A song and its cues."""

    name: str = Field(min_length=1, max_length=300)
    """of its file, without folders"""
    path: str | None = Field(None, max_length=2000)
    """of its file, from the folder of the set, or inside a packed one"""
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    """of its file"""
    cues: tuple[Cue, ...] = Field((), max_length=MOST_CUES)


class Autopilot(_Part):
    """Another look with every section of the music."""

    order: Literal["off", "in order", "shuffled"] = "off"
    looks: tuple[str, ...] = Field((), max_length=500)
    """by name; none: all of the set's own"""
    seed: int = Field(0, ge=0, lt=2**32)
    """of the shuffling"""


class Between(_Part):
    """How a set goes on when a song ends."""

    how: Literal["gap", "crossfade", "stop"] = "gap"
    seconds: float = Field(2.0, ge=0, le=60)


class Set(_Part):
    """Songs in order."""

    phosphene_set: int
    name: str = Field("", max_length=200)
    settings: Values = Field(default_factory=dict)
    """what it begins with, by path; those that are not named are the usual ones"""
    looks: dict[str, Values] = Field(default_factory=dict)
    """the settings of its looks, so that it is whole without the page that made it"""
    deck: tuple[str, ...] = Field((), max_length=500)
    """looks in the order of their pads"""
    autopilot: Autopilot = Field(default_factory=Autopilot)
    between: Between = Field(default_factory=Between)
    songs: tuple[Song, ...] = Field((), max_length=500)

    def look(self, name: str) -> Values:
        """Settings of a look. Raises :class:`ConfigError` for one that nobody knows."""
        own = self.looks.get(name)
        return look_settings(name, config_from(self.settings)) if own is None else own

    def find(self, sha256: str) -> int | None:
        """Which song that file is."""
        places = (i for i, song in enumerate(self.songs) if song.sha256 == sha256)
        return next(places, None)


@dataclass(frozen=True)
class Laid:
    """A cue on its song's clock."""

    change: Change
    look: str | None = None
    """the name of the look that it takes"""


@dataclass(frozen=True)
class Pilot:
    """An autopilot with the settings of its looks: which of them is due in which section."""

    order: str
    seed: int
    looks: tuple[tuple[str, Values], ...]

    def choose(self, section: int, in_force: Mapping[str, JsonValue]) -> tuple[str, Values] | None:
        """Name and settings of the look of a section: never the one that is on; None without another."""
        for turn in range(section, section + 2 * len(self.looks)):
            name, values = self.looks[self._place(turn)]
            if any(in_force.get(path) != value for path, value in values.items()):
                return name, values
        return None

    def _place(self, turn: int) -> int:
        count = len(self.looks)
        if self.order != "shuffled":
            return turn % count
        last, place = self._round(turn // count - 1)[-1:], turn % count
        order = self._round(turn // count)
        if count > 1 and order[:1] == last:
            # a round does not begin with what the one before ended with
            order = [*order[1:], order[0]]
        return order[place]

    def _round(self, number: int) -> list[int]:
        """The looks in the order of a round of all of them, which is each round's own."""
        order = list(range(len(self.looks)))
        random.Random(f"{self.seed} {number}").shuffle(order)
        return order


def pilot_of(told: Set) -> Pilot | None:
    """The autopilot of a set, with those of its looks that are known; None where it is off."""
    looks = []
    for name in told.autopilot.looks or told.deck or tuple(told.looks):
        with contextlib.suppress(ConfigError):
            looks.append((name, told.look(name)))
    if told.autopilot.order == "off" or not looks:
        return None
    return Pilot(told.autopilot.order, told.autopilot.seed, tuple(looks))


def lay(
    told: Set, index: int, features: AudioFeatures, problems: list[str] | None = None
) -> tuple[Laid, ...]:
    """The cues of a song as timed changes, in order.

    A cue that cannot be laid is left out and said in ``problems``: a show is not to lose the others by
    it. Without that list it raises :class:`InputError`, in one sentence.
    """
    song, laid = told.songs[index], []
    config = config_from(told.settings)
    if index and _ends_dark(told.songs[index - 1]):
        # a blackout ends with its song
        laid.append(Laid(Change(at=0.0, set={"live.blackout": False})))
    for number, cue in enumerate(song.cues, start=1):
        try:
            laid.append(_laid(told, cue, features, config))
        except (ConfigError, InputError) as error:
            sentence = f"{song.name}, cue {number}: {error}"
            if problems is None:
                raise InputError(sentence) from error
            problems.append(sentence)
    return tuple(sorted(laid, key=lambda each: each.change.at))


def _checked(told: Set, cue: Cue, config: PipelineConfig) -> Values:
    """All that a cue sets. Raises :class:`ConfigError` for what cannot be."""
    values = cue.values({} if cue.look is None else {cue.look: told.look(cue.look)})
    with_values(config, values)
    return values


def _laid(told: Set, cue: Cue, features: AudioFeatures, config: PipelineConfig) -> Laid:
    values = _checked(told, cue, config)
    change: dict[str, Any] = {"at": _place(cue, features)}
    if values:
        change["set"] = values
    if cue.scene:
        change["scene"] = True
    return Laid(Change.model_validate(change), cue.look)


def _place(cue: Cue, features: AudioFeatures) -> float:
    """Seconds in the song."""
    if cue.at is not None:
        return cue.at
    bars, number = features.downbeat_times, cue.bar or 1
    if not len(bars):
        raise InputError("no bars were heard in this song: say `at` in seconds.")
    if number > len(bars):
        raise InputError(f"there is no bar {number}: {len(bars)} were heard.")
    return float(bars[number - 1])


def _ends_dark(song: Song) -> bool:
    """Whether the last of its cues that speak of the light is a blackout."""
    said = [cue.blackout for cue in song.cues if cue.blackout is not None]
    return said[-1:] == [True]


def piloted(
    pilot: Pilot | None, laid: Sequence[Laid], features: AudioFeatures, config: PipelineConfig
) -> tuple[Laid, ...]:
    """``laid`` with what the autopilot does in a song that begins with ``config``.

    It takes a look for every section but the first; where a cue and a section meet, the cue has the
    last word.
    """
    if pilot is None:
        return tuple(laid)
    sections = [features.time_of(int(frame)) for frame in features.section_frames[1:]]
    merged: list[Laid] = []
    in_force, left = flatten(config), list(laid)
    for number, at in enumerate(sections, start=1):
        while left and left[0].change.at < at:
            merged.append(left.pop(0))
            in_force |= merged[-1].change.set or {}
        found = pilot.choose(number, in_force)
        if found is not None:
            merged.append(Laid(Change(at=at, set=found[1]), found[0]))
            in_force |= found[1]
    return (*merged, *left)


def score_of(
    told: Set,
    index: int,
    features: AudioFeatures,
    digest: str,
    config: PipelineConfig,
) -> tuple[Score, PipelineConfig]:
    """A song of a set as a show of its own, and the settings after it.

    ``config`` is what it begins with. Raises :class:`InputError`, in one sentence.
    """
    song = told.songs[index]
    laid = piloted(pilot_of(told), lay(told, index, features), features, config)
    after = config
    for each in laid:
        if each.change.set is not None:
            try:
                after = with_values(after, each.change.set)
            except ConfigError as error:
                raise InputError(f"{song.name} at {each.change.at:g} s: {error}") from error
    end = features.start + features.duration
    cues = [each.change for each in laid if each.change.at < end]
    changes = (
        Change(at=0.0, source=Where(hear="song", song=digest, name=song.name)),
        Change(at=0.0, clock=Playhead(position=0.0, playing=True)),
        *cues,
        Change(at=end),
    )
    head = Head(phosphene_score=SCORE_FORMAT, fps=config.live.fps, settings=settings_of(config))
    return Score(head, changes), after


def parse(text: str, name: str = "the set", whole: bool = True) -> Set:
    """A set from its text, checked. Raises :class:`InputError`.

    Without ``whole``, what single cues say is left to `lay`.
    """
    try:
        given = json.loads(text)
    except ValueError as error:
        raise InputError(f"{name} is no set: it is not JSON.") from error
    number = given.get("phosphene_set") if isinstance(given, dict) else None
    if not isinstance(number, int):
        raise InputError(f"{name} is no set: it does not say phosphene_set.")
    if number > FORMAT:
        raise InputError(
            f"{name} was written by a newer phosphene (set format {number}, this one reads {FORMAT}):"
            " update phosphene."
        )
    try:
        told = Set.model_validate(given)
    except ValidationError as error:
        raise InputError(f"{name}: {explain(error)}") from error
    try:
        config = config_from(told.settings)
        if not whole:
            return told
        if told.autopilot.order != "off":
            for flown in told.autopilot.looks or told.deck:
                told.look(flown)
        for song in told.songs:
            for cue in song.cues:
                _checked(told, cue, config)
        for values in told.looks.values():
            with_values(config, values)
    except ConfigError as error:
        raise InputError(f"{name}: {error}") from error
    return told


def text_of(told: Set) -> str:
    """A set as the text of its file."""
    data = told.model_dump(mode="json", exclude_unset=True)
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def read(path: str | Path) -> Set:
    """Read and check a set, packed or not. Raises :class:`InputError`, in one sentence."""
    path = Path(path)
    try:
        packed = zipfile.is_zipfile(path)
        if not packed and path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} is too large for a set.")
        data = _member(path, INSIDE, MOST_BYTES) if packed else path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the set {path}: {error.strerror}.") from error
    try:
        return parse(data.decode(encoding_of(data)), str(path))
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no set: it is no text.") from error


def files_of(told: Set, path: Path, given: Iterable[Path], scratch: Path) -> list[Path]:
    """The file of each song of the set at ``path``: among ``given``, in the packed set, or from its folder.

    What is packed is unpacked into ``scratch``. Raises :class:`InputError` for one that is missing, or
    another one.
    """
    given = list(given)
    hashes = {file: song_hash(file) for file in given}
    packed = zipfile.is_zipfile(path)
    found = []
    for number, song in enumerate(told.songs, start=1):
        wanted = f"'{song.name}'"
        file = next((each for each, it in hashes.items() if it == song.sha256), None)
        if file is None:
            file = next((each for each in given if each.name == song.name), None)
        if file is None and packed and song.path is not None:
            file = scratch / f"{number:03d}{PurePosixPath(song.name).suffix}"
            file.write_bytes(_member(path, song.path, MOST_PACKED))
        if file is None:
            places = [] if song.path is None else [path.parent / song.path]
            if Path(song.name).name == song.name:
                places.append(path.parent / song.name)
            file = next((place for place in places if place.is_file()), None)
        if file is None:
            raise InputError(
                f"the set plays {wanted}: put its file beside {path.name}, or name it after --set."
            )
        if song.sha256 is not None and hashes.get(file, song_hash(file)) != song.sha256:
            raise InputError(f"{file} is another file than {wanted}, which the set plays.")
        found.append(file)
    strange = [each for each in given if each not in found]
    if strange:
        raise InputError(f"the set does not play {strange[0]}.")
    return found


def _member(path: Path, name: str, most: int) -> bytes:
    """A file of a packed set."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(name).file_size > most:
                raise InputError(f"'{name}' in {path} is too large.")
            return archive.read(name)
    except KeyError as error:
        raise InputError(f"{path} is no packed set: there is no '{name}' in it.") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path} is damaged: '{name}' cannot be read.") from error


def describe(told: Set) -> str:
    """A line for each song."""
    lines = [f"{told.name or 'a set'}: {len(told.songs)} songs, {len(told.looks)} looks"]
    for number, song in enumerate(told.songs, start=1):
        lines.append(f"{number:3d}. {song.name}: {len(song.cues)} cues")
    return "\n".join(lines)
