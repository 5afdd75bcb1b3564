"""Settings by dotted path: what the schema says of each, for whatever shows or moves them."""

from __future__ import annotations

import math
from typing import Any, cast, get_args

from pydantic.fields import FieldInfo

from phosphene.config.model import ConfigModel
from phosphene.config.pipeline import PipelineConfig


def field_at(path: str) -> FieldInfo:
    """The field of ``section.name``. Raises KeyError."""
    section, _, name = path.partition(".")
    kind = cast(type[ConfigModel], PipelineConfig.model_fields[section].annotation)
    return kind.model_fields[name]


def bounds(path: str) -> tuple[float, float]:
    """Least and most that a number may be, infinite where the schema says nothing."""
    about = field_at(path).metadata
    low = max([-math.inf, *(getattr(each, "ge", -math.inf) for each in about)])
    return low, min([math.inf, *(getattr(each, "le", math.inf) for each in about)])


def choices(path: str) -> tuple[str, ...]:
    """The texts of a choice."""
    return tuple(each for each in get_args(field_at(path).annotation) if isinstance(each, str))


def nearest(path: str, value: float) -> float:
    """``value`` as the setting takes it: within its bounds, on its steps, whole where it is."""
    low, high = bounds(path)
    value = min(high, max(low, value))
    info = field_at(path)
    if info.annotation is not int:
        return value
    step = max([1, *(getattr(each, "multiple_of", None) or 1 for each in info.metadata)])
    return round(value / step) * step


def value_at(config: PipelineConfig, path: str) -> Any:
    """What is set there."""
    section, _, name = path.partition(".")
    return getattr(getattr(config, section), name)
