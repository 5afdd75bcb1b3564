"""What all settings share: unknown keys are refused with the nearest known one, assignments are checked."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from phosphene.errors import hint


class ConfigModel(BaseModel):
    """Settings that refuse unknown keys and check every assignment."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        for key in data:
            if key not in cls.model_fields:
                told = hint(str(key), cls.model_fields)
                raise ValueError(f"unknown key '{key}' in {cls.__name__}: {told}")
        return data

    def suggest(self, **values: Any) -> None:
        """Set fields that nobody has set; what was set, even to its default, stays."""
        for name, value in values.items():
            if name not in self.model_fields_set:
                setattr(self, name, value)


def explain(error: ValidationError) -> str:
    """The first complaint of a validation, as one sentence."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    text = first["msg"].removeprefix("Value error, ")
    text = text[0].lower() + text[1:]
    given = f" (got {first['input']!r})" if where and not isinstance(first["input"], dict) else ""
    return f"{where}: {text}{given}" if where else text
