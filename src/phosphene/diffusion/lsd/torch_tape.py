"""What one call asks of the device, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Step:
    """One operator; ``inputs`` and ``outputs`` are names."""

    kind: str
    call: Callable[..., Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass
class Tape:
    """Steps for inputs of certain shapes."""

    output: str
    steps: list[Step] = field(default_factory=list)
    constants: dict[str, Tensor] = field(default_factory=dict)

    def __call__(self, tensors: dict[str, Tensor]) -> Tensor:
        """Run it."""
        values = {**self.constants, **tensors}
        for step in self.steps:
            result = step.call(*(values[name] for name in step.inputs))
            if len(step.outputs) == 1:
                values[step.outputs[0]] = result
            else:
                values.update(zip(step.outputs, result, strict=True))
        return values[self.output]

    def users(self, name: str) -> list[Step]:
        """The steps that read a value."""
        return [step for step in self.steps if name in step.inputs]
