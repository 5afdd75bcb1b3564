"""One parameter as Scope shows it, and the reading of whatever value arrives for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from phosphene.config.fields import bounds, choices, field_at
from phosphene.diffusion.notices import say_once

Value = str | bool | int | float


@dataclass(frozen=True)
class Knob:
    """A parameter. Its type is that of ``default``; numbers have both bounds, choices are texts.

    Bounds and choices give Scope sliders and menus, and OSC, DMX, MIDI and tempo sync their ranges.
    """

    name: str
    label: str
    help: str
    default: Value
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    load: bool = False
    """needs another model: off while a stream plays, though one that arrives then is followed, too"""
    component: str | None = None
    """Scope's own widget for it"""
    path: str = ""
    """the setting that it is, if it is one"""
    auto: Value | None = None
    """the value that leaves the setting to the model"""

    def read(self, raw: object, last: Value) -> Value:
        """``raw`` as a value that can be used: clamped, converted, or ``last`` where it is nonsense.

        Never raises; what had to be changed is said once per parameter.
        """
        value = self._choice(raw) if self.choices else self._plain(raw)
        if value is None:
            say_once(f"{self.name} must be {self._wanted()}: it stays as it was.")
            return last
        if isinstance(value, str | bool) or self.low is None or self.high is None:
            return value
        near = type(value)(min(max(value, self.low), self.high))
        if near != value:
            say_once(f"{self.name} must be {self._wanted()}: the nearest is used.")
        return near

    def _choice(self, raw: object) -> str | None:
        text = str(raw).strip().lower()
        return next((choice for choice in self.choices if choice.lower() == text), None)

    def _plain(self, raw: object) -> Value | None:
        if isinstance(self.default, bool):
            return _boolean(raw)
        if isinstance(self.default, str):
            return raw if isinstance(raw, str) else None
        found = number(raw)
        if found is None or isinstance(self.default, float):
            return found
        return round(found)

    def _wanted(self) -> str:
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if isinstance(self.default, bool):
            return "true or false"
        return "a text" if isinstance(self.default, str) else f"{self.low:g} to {self.high:g}"


def setting(path: str, label: str = "", **other: Any) -> Knob:
    """The knob of a setting: what the schema says of it, apart from ``other``."""
    about, name = field_at(path), path.partition(".")[2]
    told: dict[str, Any] = {"name": name, "help": about.description, "default": about.default}
    if isinstance(about.default, int | float) and not isinstance(about.default, bool):
        told["low"], told["high"] = bounds(path)
    told["choices"] = choices(path)
    return Knob(label=label or name.replace("_", " ").capitalize(), path=path, **told | other)


def _boolean(raw: object) -> bool | None:
    if isinstance(raw, str):
        return {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}.get(
            raw.strip().lower()
        )
    found = number(raw)
    return None if found is None else found != 0


def number(raw: object) -> float | None:
    """``raw`` as a finite number, or None."""
    if not isinstance(raw, str | int | float):
        return None
    try:
        found = float(raw)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
