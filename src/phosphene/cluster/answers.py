"""What comes back from an actor, or that it is gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Lost:
    """What an answer becomes when its actor is gone, or met something that it could not say itself."""

    error: str


def fetch(ref: Any) -> Any:
    """The answer behind a reference, or :class:`Lost`."""
    import ray
    from ray.exceptions import RayError

    try:
        return ray.get(ref)
    except RayError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return Lost(lines[-1] if lines else type(error).__name__)
