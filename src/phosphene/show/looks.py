"""Looks: named settings that fit together. Adding one is adding a TOML file beside these."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from pydantic import JsonValue

from phosphene.config import PipelineConfig
from phosphene.errors import ConfigError, hint


@dataclass(frozen=True)
class Look:
    """A name and the settings it makes, by path: ``{"camera.zoom": 1.2}``."""

    name: str
    values: dict[str, JsonValue]
    picture: bytes = b""
    """WebP: what the built-in model draws with it; none of a look that does not ship"""


def flatten(config: PipelineConfig) -> dict[str, JsonValue]:
    """All settings by path."""
    sections = config.model_dump(mode="json")
    return {
        f"{section}.{name}": value
        for section, fields in sections.items()
        for name, value in fields.items()
    }


def nest(values: Mapping[str, JsonValue]) -> dict[str, dict[str, JsonValue]]:
    """Values by path as sections of fields: what :func:`flatten` undid."""
    sections: dict[str, dict[str, JsonValue]] = {}
    for path, value in values.items():
        section, _, name = path.partition(".")
        sections.setdefault(section, {})[name] = value
    return sections


@cache
def looks() -> tuple[Look, ...]:
    """All looks that ship, checked, by file name. Raises :class:`ConfigError`."""
    folder = resources.files("phosphene.show") / "looks"
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda f: f.name
    )
    return tuple(
        replace(parse_look(file.read_text(encoding="utf-8")), picture=_beside(folder, file.name))
        for file in files
    )


def _beside(folder: Traversable, name: str) -> bytes:
    """The picture of a look's file."""
    picture = folder / f"{name.removesuffix('.toml')}.webp"
    return picture.read_bytes() if picture.is_file() else b""


def parse_look(text: str) -> Look:
    """A look from TOML: ``name``, and settings as in any config file."""
    given = tomllib.loads(text)
    name = str(given.pop("name"))
    PipelineConfig.from_dict(given)
    values = {
        f"{section}.{field}": value
        for section, fields in given.items()
        for field, value in fields.items()
    }
    return Look(name, values)


def look_settings(name: str, start: PipelineConfig) -> dict[str, JsonValue]:
    """Everything to set for a look: its own values, and ``start`` where only other looks set any.

    So each look is the same whichever came before it. Raises :class:`ConfigError` for unknown names.
    """
    known = {look.name: look for look in looks()}
    if name not in known:
        raise ConfigError(f"unknown look '{name}': {hint(name, known)}")
    governed = {path for look in known.values() for path in look.values}
    before = flatten(start)
    return {path: before[path] for path in sorted(governed)} | known[name].values
