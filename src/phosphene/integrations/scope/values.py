"""What the user has set, out of what Scope sends with every call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from phosphene.config.fields import nearest
from phosphene.integrations.scope.knobs import Knob, Value


class Values:
    """Every knob's value. What never came is at its default; never changes once made."""

    def __init__(self, knobs: Sequence[Knob]) -> None:
        self._knobs = {knob.name: knob for knob in knobs}
        self._seen: dict[str, object] = {}
        self._values: dict[str, Value] = {knob.name: knob.default for knob in knobs}

    def updated(self, given: Mapping[str, object]) -> Values:
        """With what is known and defined among ``given``; these very values where nothing is new."""
        # Scope sends all it knows with every frame
        fresh = {
            name: given[name]
            for name in self._knobs.keys() & given.keys()
            if _defined(given[name]) and not _same(self._seen.get(name), given[name])
        }
        if not fresh:
            return self
        new = Values(tuple(self._knobs.values()))
        new._seen = self._seen | fresh
        read = {
            name: self._knobs[name].read(raw, self._values[name]) for name, raw in fresh.items()
        }
        new._values = self._values | read
        return new

    def text(self, name: str) -> str:
        """A text or a choice."""
        return str(self._values[name])

    def number(self, name: str) -> float:
        """A fraction."""
        return float(self._values[name])

    def on(self, name: str) -> bool:
        """A switch."""
        return bool(self._values[name])

    def settings(self) -> dict[str, Value]:
        """What the knobs of settings say, by path, apart from what is left to the model."""
        return {
            knob.path: _setting(knob.path, value)
            for knob in self._knobs.values()
            if knob.path and (value := self._values[knob.name]) != knob.auto
        }


def _setting(path: str, value: Value) -> Value:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return nearest(path, value)
    # a switch that may be left to the model is a choice
    return {"on": True, "off": False}.get(value, value)


def _defined(raw: object) -> bool:
    """Whether it is a value, and not pydantic's sentinel, which stands for fields without a default."""
    return raw is not None and type(raw).__name__ != "PydanticUndefinedType"


def _same(one: object, other: object) -> bool:
    # True == 1, and a tensor compares to a tensor
    return type(one) is type(other) and isinstance(one, str | int | float) and one == other
