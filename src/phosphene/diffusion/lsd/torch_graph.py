"""An ONNX network as a list of torch calls: everything that only shapes decide is worked out beforehand.

The first call with new shapes walks the graph once and writes down what it asks of the device. Later calls
run that list: they wait for nothing, so that they can be captured as a CUDA graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from phosphene.diffusion.lsd.torch_norm import fuse_norms
from phosphene.diffusion.lsd.torch_ops import ON_HOST, OPERATORS, TYPES, Attributes
from phosphene.diffusion.lsd.torch_tape import Step, Tape
from phosphene.errors import ModelError
from phosphene.kernels.choose import PLAIN, Operations

Shapes = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass
class TorchGraph:
    """One network file on a device. Raises ModelError for an operator that is not known."""

    path: Path
    device: torch.device
    operations: Operations = PLAIN
    _tapes: dict[Shapes, Tape] = field(default_factory=dict)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what it takes."""
        return tuple(each.name for each in self._graph.input)

    def __call__(self, tensors: dict[str, Tensor]) -> Tensor:
        """Its one output; inputs lie on the device."""
        shapes = tuple((name, tuple(tensor.shape)) for name, tensor in sorted(tensors.items()))
        if shapes not in self._tapes:
            self._tapes[shapes] = fuse_norms(self._record(tensors), self.operations)
        return self._tapes[shapes](tensors)

    @cached_property
    def _graph(self) -> onnx.GraphProto:
        return onnx.load(str(self.path)).graph

    @cached_property
    def _weights(self) -> dict[str, Tensor]:
        return {each.name: _tensor(each) for each in self._graph.initializer}

    @cached_property
    def _on_device(self) -> dict[str, Tensor]:
        """Constants that the device is asked for, of all shapes, by their name and value."""
        return {}

    def _record(self, tensors: dict[str, Tensor]) -> Tape:
        known: dict[str, Tensor] = dict(self._weights)
        there: dict[str, Tensor] = dict(tensors)
        tape = Tape(output=self._graph.output[0].name)
        for node in self._graph.node:
            operator = OPERATORS.get(node.op_type)
            if operator is None:
                raise ModelError(
                    f"{self.path} has an operator that torch is not told of ({node.op_type}): run the"
                    " built-in model on the cpu."
                )
            given = _attributes(node)
            if node.op_type == "Shape" or not any(name in there for name in node.input):
                # nothing but shapes and constants: the answer is always the same
                values = [_find(name, known, there) for name in node.input]
                _keep(known, node.output, operator(given, *values))
                continue
            call, names = self._asked(node, given, operator, known, there, tape)
            step = Step(node.op_type, call, names, tuple(node.output))
            tape.steps.append(step)
            values = [there[name] if name in there else tape.constants[name] for name in names]
            _keep(there, step.outputs, call(*values))
        return tape

    def _asked(
        self,
        node: onnx.NodeProto,
        given: Attributes,
        operator: Callable[..., Any],
        known: dict[str, Tensor],
        there: dict[str, Tensor],
        tape: Tape,
    ) -> tuple[Callable[..., Any], tuple[str, ...]]:
        """What is to be called with which tensors of the device; the rest of its inputs is fixed."""
        fixed: dict[int, Tensor | None] = {}
        names: list[str] = []
        for place, name in enumerate(node.input):
            if not name or place in ON_HOST.get(node.op_type, ()):
                if name and name in there:
                    raise ModelError(
                        f"{self.path} lets its values decide its shapes ({node.op_type}): run the"
                        " built-in model on the cpu."
                    )
                fixed[place] = known[name] if name else None
                continue
            if name not in there and name not in tape.constants:
                tape.constants[name] = self._constant(name, known[name])
            names.append(name)
        return _bound(operator, given, fixed, len(node.input)), tuple(names)

    def _constant(self, name: str, value: Tensor) -> Tensor:
        """Weights are on the device once, whatever the shapes."""
        if name not in self._weights:
            return value.to(self.device)
        if name not in self._on_device:
            self._on_device[name] = value.to(self.device)
        return self._on_device[name]


def _bound(
    operator: Callable[..., Any], given: Attributes, fixed: dict[int, Tensor | None], count: int
) -> Callable[..., Any]:
    def call(*tensors: Tensor) -> Any:
        rest = iter(tensors)
        return operator(given, *(fixed[i] if i in fixed else next(rest) for i in range(count)))

    return call


def _find(name: str, known: dict[str, Tensor], there: dict[str, Tensor]) -> Tensor | None:
    if not name:
        return None
    return known[name] if name in known else there[name]


def _keep(into: dict[str, Tensor], names: Sequence[str], result: Any) -> None:
    results = result if isinstance(result, (tuple, list)) else (result,)
    into.update(zip(names, results, strict=True))


def _attributes(node: onnx.NodeProto) -> Attributes:
    told = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    return {
        name: _tensor(value) if isinstance(value, onnx.TensorProto) else value
        for name, value in told.items()
    }


def _tensor(value: onnx.TensorProto) -> Tensor:
    # a copy: the array may lie in the file's own memory
    return torch.tensor(numpy_helper.to_array(value)).to(TYPES[value.data_type])
