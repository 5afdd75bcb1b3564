"""Settings that change while the show runs: checked at once, all of them or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from pydantic import JsonValue, ValidationError

from phosphene.config import ConfigModel, InferenceConfig, PipelineConfig, explain
from phosphene.diffusion.base import ModelFacts
from phosphene.errors import ConfigError, hint
from phosphene.show.mapping import find_mapping
from phosphene.show.routes import check_routes

WHOLE = ("stream", "latent", "prompt", "camera", "react", "inference", "live")
"""sections of which every field can change"""
FIXED_AUDIO = frozenset({"backend", "fps", "sample_rate"})
"""of ``audio``: what a running analysis is built on"""


def can_change(section: str, field: str) -> bool:
    """Whether a setting can change during a live show."""
    if section == "audio":
        return field not in FIXED_AUDIO
    return section in WHOLE or (section, field) == ("video", "limit_flashes")


def with_values(
    config: PipelineConfig, values: Mapping[str, JsonValue], facts: ModelFacts | None = None
) -> PipelineConfig:
    """``config`` with ``values`` by dotted path; it is left as it is itself.

    ``facts`` are those of the model, if it is known.

    Raises :class:`~phosphene.errors.ConfigError`, in one sentence, for the first value that cannot be.
    """
    changes: dict[str, dict[str, JsonValue]] = {}
    for path, value in values.items():
        section, field = _split(path)
        changes.setdefault(section, {})[field] = value
    sections = {name: _section(config, name, fields) for name, fields in changes.items()}
    changed = config.model_copy(update=sections)
    if "react" in sections:
        find_mapping(changed.react.mapping)
        check_routes(changed)
    if facts is not None and "inference" in sections:
        check_size(changed.inference, facts)
    return changed


def values_at(config: PipelineConfig, paths: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What is in force at each path."""
    told: dict[str, JsonValue] = {}
    for path in paths:
        section, field = path.split(".")
        # one field only: a flood of changes must cost little
        dumped = getattr(config, section).model_dump(mode="json", include={field})
        told[path] = dumped[field]
    return told


def check_size(size: InferenceConfig, facts: ModelFacts) -> None:
    """Raise ConfigError for a picture the model cannot draw."""
    for side, pixels in (("width", size.width), ("height", size.height)):
        if pixels % facts.size_multiple:
            raise ConfigError(
                f"inference.{side} must be a multiple of {facts.size_multiple} for {facts.name},"
                f" not {pixels}."
            )
        if pixels > facts.max_size:
            raise ConfigError(
                f"inference.{side} must be at most {facts.max_size} for {facts.name}, not {pixels}."
            )


def _split(path: str) -> tuple[str, str]:
    """A dotted path that exists and can change, as section and field."""
    section, _, field = path.partition(".")
    known = PipelineConfig.model_fields
    if section not in known:
        raise ConfigError(f"unknown setting '{path}': {hint(section, known)}")
    kind = cast(type[ConfigModel], known[section].annotation)
    if field not in kind.model_fields:
        raise ConfigError(f"unknown setting '{path}': {hint(field, kind.model_fields)}")
    if section == "diffusion":
        raise ConfigError(f"{path} cannot change during a show: start another one for that model.")
    if not can_change(section, field):
        raise ConfigError(f"{path} cannot change during a show: set it before the start.")
    return section, field


def _section(config: PipelineConfig, name: str, fields: Mapping[str, JsonValue]) -> ConfigModel:
    """One section with other fields; what nobody set stays unset."""
    old = cast(ConfigModel, getattr(config, name))
    given = {field: getattr(old, field) for field in old.model_fields_set}
    try:
        return type(old).model_validate({**given, **fields})
    except ValidationError as error:
        raise ConfigError(f"{name}.{explain(error)}") from error
