"""The table of addresses, made from the settings' schema: it drives what is taken, told and listed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal, get_args

from pydantic import JsonValue

from phosphene.errors import InputError
from phosphene.server.schema import live_schema
from phosphene.show.live.types import On

ROOT = "/phosphene"
QUANTISED = "on"
"""``/phosphene/on/bar/camera/zoom 1.2`` happens on the next bar"""
READ, WRITE, BOTH = 1, 2, 3
"""OSCQuery's ACCESS"""
WHENS: tuple[On, ...] = get_args(On)
Kind = Literal["setting", "do", "told"]


@dataclass(frozen=True)
class Address:
    """One line of the table."""

    name: str
    """below the root: ``camera/zoom``"""
    kind: Kind
    types: str
    """OSC type tags of its arguments: f, i, s, T (true or false); empty: none are needed"""
    about: str
    path: str = ""
    """of the setting that it is"""
    low: float | None = None
    high: float | None = None
    choices: tuple[JsonValue, ...] = ()
    may_wait: bool = False
    """whether it may be asked for on the next beat, bar or section"""

    @property
    def full(self) -> str:
        """The whole address."""
        return f"{ROOT}/{self.name}"

    @property
    def access(self) -> int:
        """What OSCQuery calls it."""
        return {"setting": BOTH, "do": WRITE, "told": READ}[self.kind]


def _trigger(name: str, types: str, about: str, **more: Any) -> Address:
    return Address(name, "do", types, about, **more)


def _short(name: str, path: str, about: str) -> Address:
    """A setting under a shorter name."""
    made = _setting(path, _fields()[path])
    return Address(
        name, "setting", made.types, about, path, made.low, made.high, made.choices, True
    )


@cache
def addresses() -> dict[str, Address]:
    """All of them, by name below the root."""
    table = [
        _short("prompt", "prompt.base_prompt", "What is drawn."),
        _short("blackout", "live.blackout", "No light, for everybody who watches."),
        _short("freeze", "live.freeze", "The picture stands still."),
        _short("light", "live.light", "Master light."),
        _trigger("look", "s", "Take a look, by its number from 1 or by its name.", may_wait=True),
        _trigger("look/next", "", "The next look.", may_wait=True),
        _trigger("look/previous", "", "The look before.", may_wait=True),
        _trigger("cue/next", "", "The next look, as a console says it.", may_wait=True),
        _trigger("cue/previous", "", "The look before.", may_wait=True),
        _trigger("scene", "", "Go to a new place.", may_wait=True),
        _trigger("tap", "", "Tap the beat: four taps lead at once, the first begins a bar."),
        _trigger("beat/half", "", "Half the tempo."),
        _trigger("beat/double", "", "Double the tempo."),
        _trigger("beat/nudge", "f", "Beats later (+) or earlier (-), milliseconds.",
                 low=-2000.0, high=2000.0),
        _trigger("beat/release", "", "Forget taps and nudges: follow again."),
        _trigger("controller", "sf", "A knob by name, 0..1, that routes listen to.",
                 low=0.0, high=1.0),
        _trigger("record", "T", "Keep all of the show for its score from now on, or stop."),
        _trigger("sync", "", "Tell every value once more."),
        *(_setting(path, about) for path, about in _fields().items()),
        *_told(),
    ]  # fmt: skip
    return {address.name: address for address in table}


HEARD: tuple[tuple[str, float, float | None, str], ...] = (
    ("energy", 0.0, 1.0, "Loudness."),
    ("bass", 0.0, None, "Loudness of the bass; 1 is usual."),
    ("mid", 0.0, None, "The same of the middle."),
    ("treble", 0.0, None, "The same of the treble."),
    ("onset", 0.0, 1.0, "Strength of an attack."),
    ("kick", 0.0, 1.0, "Of a kick drum, falling after it."),
    ("snare", 0.0, 1.0, "Of a snare."),
    ("hat", 0.0, 1.0, "Of a hi-hat."),
    ("brightness", 0.0, 1.0, "High against low."),
    ("loudness", -70.0, None, "LUFS, momentary."),
    ("build", 0.0, 1.0, "How far the music has built up."),
)
"""features of a moment that are told, by their own names, with least, most and meaning"""


def _told() -> Iterator[Address]:
    """What is said of every picture."""
    for name, low, high, about in (
        *HEARD,
        ("tempo", 0.0, None, "Beats a minute; 0 for none."),
        ("confidence", 0.0, 1.0, "Of the tempo."),
        ("phase", 0.0, 1.0, "How far from this beat to the next."),
        ("beats", 0.0, None, "Beats counted."),
    ):
        yield Address(f"heard/{name}", "told", "f", about, low=low, high=high)
    yield Address("heard/section", "told", "i", "Sections counted.")
    yield Address("heard/chroma", "told", "f" * 12, "Of the notes C to B, 0..1.", low=0.0, high=1.0)
    yield Address("heard/beat", "told", "i", "Said on every beat: which of the bar, from 1.")
    yield Address("heard/bar", "told", "i", "Said when a bar begins: bars counted.")
    yield Address("picture/age", "told", "f", "Of the newest input it answers to, milliseconds.")
    yield Address("picture/rate", "told", "f", "Pictures drawn a second.")
    yield Address("error", "told", "s", "What was not done, and why.")


@cache
def _fields() -> dict[str, dict[str, Any]]:
    """Schema of each setting that can change during a show, by path."""
    schema = live_schema()
    found = {}
    for name, section in schema["properties"].items():
        definition = schema["$defs"][section["$ref"].rpartition("/")[2]]
        for field, about in definition["properties"].items():
            if about["x-live"]:
                found[f"{name}.{field}"] = about
    return found


def _setting(path: str, about: Mapping[str, Any]) -> Address:
    """A setting's own address."""
    kinds = _kinds(about)
    types = next((tag for kind, tag in _TAGS.items() if kind in kinds), "s")
    options = [about, *about.get("anyOf", ())]
    choices = tuple(
        choice
        for option in options
        for choice in (*option.get("enum", ()), *([option["const"]] if "const" in option else ()))
    )
    return Address(
        name=path.replace(".", "/"),
        kind="setting",
        types=types,
        about=about.get("description", ""),
        path=path,
        low=_bound(options, "minimum", "exclusiveMinimum"),
        high=_bound(options, "maximum", "exclusiveMaximum"),
        choices=choices,
        may_wait=True,
    )


_TAGS = {"boolean": "T", "number": "f", "integer": "i"}


def _kinds(about: Mapping[str, Any]) -> list[str]:
    """JSON types that a setting may have."""
    options = [about, *about.get("anyOf", ())]
    return [option["type"] for option in options if "type" in option]


def _bound(options: Sequence[Mapping[str, Any]], *names: str) -> float | None:
    return next((float(o[name]) for o in options for name in names if name in o), None)


@lru_cache(2000)
def find(address: str) -> tuple[list[Address], On | None]:
    """Which lines an address means, patterns (``* ? [] {}``) too, and on what it is to wait.

    Raises :class:`InputError` for one that is none of ours.
    """
    if not address.startswith(ROOT + "/"):
        raise InputError(f"{address} is no address of this program: they begin with {ROOT}/.")
    name = address.removeprefix(ROOT + "/")
    when: On | None = None
    head, _, rest = name.partition("/")
    if head == QUANTISED:
        word, _, name = rest.partition("/")
        when = next((known for known in WHENS if known == word), None)
        if when is None:
            raise InputError(f"{address} waits for nothing known: {', '.join(WHENS)}.")
    table = addresses()
    if name in table:
        found = [table[name]]
    elif re.search(r"[*?\[\]{}]", name):
        pattern = _pattern(name)
        # a trigger is never meant by a pattern: one knob must not press every button
        found = [a for n, a in table.items() if a.kind == "setting" and pattern.fullmatch(n)]
    elif name.startswith("controller/"):
        found = [table["controller"]]
    else:
        found = []
    if not found:
        raise InputError(f"there is no address {address}: `phosphene osc` lists them.")
    if when is not None and not all(each.may_wait for each in found):
        raise InputError(f"{address} cannot wait for a {when}.")
    if any(each.kind == "told" for each in found):
        raise InputError(f"{address} is told by this program, and cannot be set.")
    return found, when


def _pattern(name: str) -> re.Pattern[str]:
    """OSC 1.0's pattern as a regular expression. Raises :class:`InputError`."""
    out, depth = "", 0
    for letter in name:
        if letter == "{":
            out, depth = out + "(?:", depth + 1
        elif letter == "}":
            out, depth = out + ")", depth - 1
        elif letter == "," and depth:
            out += "|"
        elif letter in "*?":
            out += "[^/]*" if letter == "*" else "[^/]"
        else:
            out += letter if letter in "[]-!" else re.escape(letter)
    try:
        return re.compile(out.replace("[!", "[^"))
    except re.error as error:
        raise InputError(f"'{name}' is no OSC pattern: {error}.") from error


def value(address: Address, arguments: Sequence[Any]) -> JsonValue:
    """What the arguments of a message say, as a setting has it. Raises :class:`InputError`."""
    kinds = _kinds(_fields()[address.path])
    if "array" in kinds and not _is_json(arguments):
        return [_text(address, each) for each in arguments]
    if len(arguments) != 1:
        raise InputError(f"{address.full} takes one value, not {len(arguments)}.")
    given = arguments[0]
    if given is None and "null" in kinds:
        return None
    if isinstance(given, str):
        return _from_text(address, given, kinds)
    if isinstance(given, bool | int | float):
        return _from_number(address, given, kinds)
    raise InputError(f"{address.full} takes {_wanted(address)}.")


def _from_text(address: Address, given: str, kinds: Sequence[str]) -> JsonValue:
    if "array" in kinds:
        try:
            read: JsonValue = json.loads(given)
        except ValueError as error:
            raise InputError(f"{address.full} takes JSON: {error}.") from error
        return read
    if "string" in kinds or given in address.choices:
        return given
    raise InputError(f"{address.full} takes {_wanted(address)}, not text.")


def _from_number(address: Address, given: float, kinds: Sequence[str]) -> JsonValue:
    if isinstance(given, float) and not math.isfinite(given):
        raise InputError(f"{address.full} takes {_wanted(address)}, not {given}.")
    if "boolean" in kinds:
        if given not in (0, 1):
            raise InputError(f"{address.full} takes 0 or 1, not {given:g}.")
        return bool(given)
    if isinstance(given, bool) or not {"number", "integer"} & set(kinds):
        raise InputError(f"{address.full} takes {_wanted(address)}.")
    if "number" not in kinds:
        if given != int(given):
            raise InputError(f"{address.full} takes a whole number, not {given:g}.")
        given = int(given)
    low, high = address.low, address.high
    if (low is not None and given < low) or (high is not None and given > high):
        raise InputError(f"{address.full} takes {low:g} to {high:g}, not {given:g}.")
    return given


def _text(address: Address, given: object) -> str:
    if not isinstance(given, str):
        raise InputError(f"{address.full} takes text.")
    return given


def _is_json(arguments: Sequence[Any]) -> bool:
    """A list as one text, not as several arguments."""
    return len(arguments) == 1 and isinstance(arguments[0], str) and arguments[0][:1] == "["


def _wanted(address: Address) -> str:
    if address.choices:
        return f"one of {', '.join(map(str, address.choices))}"
    return {"f": "a number", "i": "a whole number", "T": "0 or 1"}.get(address.types, "text")


def arguments(address: Address, value: JsonValue) -> list[tuple[str, Any]]:
    """A setting's value as OSC arguments: (type tag, value)."""
    if isinstance(value, bool):
        # what every client understands
        return [("i", int(value))]
    if value is None:
        return [("N", None)]
    if isinstance(value, int | float):
        if address.types == "f":
            return [("f", float(value))]
        return [("h" if abs(value) >= 2**31 else "i", int(value))]
    return [("s", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))]


def page() -> str:
    """The table for people, as Markdown."""
    lines = ["| address | takes | |", "|---|---|---|"]
    for address in sorted(addresses().values(), key=lambda a: "do setting told".find(a.kind)):
        mark = " (told)" if address.kind == "told" else ""
        lines.append(f"| `{address.full}` | {takes(address)}{mark} | {address.about} |")
    return "\n".join(lines) + "\n"


def takes(address: Address) -> str:
    """What its arguments are, for people."""
    if not address.types:
        return "nothing, or 1"
    if address.name == "controller":
        return "name, 0 to 1"
    if address.name == "look":
        return "number or text"
    words = _wanted(address)
    if len(address.types) > 1:
        return f"{len(address.types)} numbers"
    choices = ", ".join(map(str, address.choices))
    if address.low is None or address.high is None or address.types not in "fi":
        return choices or words
    bounds = f"{address.low:g} to {address.high:g}" + (", whole" if address.types == "i" else "")
    return f"{bounds}, or {choices}" if choices else bounds
