"""A list of inputs with settings of their own: CSV or JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from phosphene.config import explain
from phosphene.errors import InputError
from phosphene.show.settings import parse_size
from phosphene.text import read_text
from phosphene.video.spec import Size

ENDINGS = (".csv", ".jsonl", ".ndjson")


class Entry(BaseModel):
    """One line: what to read, what to call the result, and any setting under its dotted name."""

    model_config = ConfigDict(extra="allow", frozen=True)

    input: Path
    output: str | None = None
    """file name in the folder of the results"""
    kind: Literal["song", "video"] | None = None
    """``None``: by the file's ending"""
    start: float = Field(0.0, ge=0, allow_inf_nan=False)
    """seconds"""
    duration: float | None = Field(None, gt=0, allow_inf_nan=False)
    """seconds"""
    size: str | None = None
    """``WxH``, pixels"""
    scale: float = Field(1.0, ge=0.05, le=16)

    @field_validator("output")
    @classmethod
    def _a_name(cls, value: str | None) -> str | None:
        if value is not None and (Path(value).name != value or value.startswith(".")):
            raise ValueError("give a plain file name; the folder is given with -o")
        return value

    @property
    def picture_size(self) -> Size | None:
        """(width, height), pixels."""
        return parse_size(self.size) if self.size else None

    def nested(self) -> dict[str, Any]:
        """The settings, ``{"prompt.base_prompt": "x"}`` as ``{"prompt": {"base_prompt": "x"}}``."""
        out: dict[str, Any] = {}
        for name, value in (self.__pydantic_extra__ or {}).items():
            *groups, last = name.split(".")
            inner = out
            for group in groups:
                inner = inner.setdefault(group, {})
                if not isinstance(inner, dict):
                    raise InputError(
                        f"'{name}' and '{group}' cannot both be given for {self.input}."
                    )
            inner[last] = value
        return out


def is_manifest(path: Path) -> bool:
    """Whether a file lists inputs instead of being one."""
    return path.suffix.lower() in ENDINGS


def read_manifest(path: Path) -> Iterator[Entry]:
    """Entries of a manifest; inputs are looked for beside it. Raises :class:`InputError`."""
    text = read_text(path, "manifest")
    lines = _csv(path, text) if path.suffix.lower() == ".csv" else _json(path, text)
    empty = True
    for number, values in lines:
        empty = False
        try:
            entry = Entry.model_validate(values)
        except ValidationError as error:
            raise InputError(f"{path}, line {number}: {explain(error)}.") from error
        yield entry.model_copy(update={"input": path.parent / entry.input})
    if empty:
        raise InputError(f"the manifest {path} lists nothing.")


def _csv(path: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    # its own rules say where lines end: not within quotes
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        for row in reader:
            # an empty cell leaves the setting alone
            yield reader.line_num, {k: v for k, v in row.items() if k and isinstance(v, str) and v}
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not CSV ({error}).") from error


def _json(path: Path, text: str) -> Iterator[tuple[int, dict[str, JsonValue]]]:
    # strings of JSON may hold what else ends a line of text
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}, line {number}: not JSON ({error}).") from error
        if not isinstance(values, dict):
            raise InputError(f'{path}, line {number}: not an object such as {{"input": "a.mp3"}}.')
        yield number, values
