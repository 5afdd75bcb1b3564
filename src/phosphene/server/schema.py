"""The settings' JSON schema, as the page builds its controls from."""

from __future__ import annotations

from functools import cache
from typing import Any

from phosphene.config import PipelineConfig
from phosphene.show.changes import can_change


@cache
def live_schema() -> dict[str, Any]:
    """Schema of :class:`PipelineConfig`, with ``x-live`` on what can change during a show.

    A section carries it when any of its fields can change, and each field says it for itself.
    """
    schema = PipelineConfig.model_json_schema()
    for name, section in schema["properties"].items():
        definition = schema["$defs"][section["$ref"].rpartition("/")[2]]
        for field, about in definition["properties"].items():
            about["x-live"] = can_change(name, field)
        section["x-live"] = any(about["x-live"] for about in definition["properties"].values())
    return schema
