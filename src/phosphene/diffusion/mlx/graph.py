"""Runs a network that was exported to ONNX, on MLX: the built-in model and those of `phosphene train`.

Numbers that follow from shapes alone are computed on the host, everything else is put into MLX's graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

from phosphene.diffusion.mlx.ops import OPS
from phosphene.diffusion.mlx.pictures import Value, kernel
from phosphene.errors import MissingExtraError, ModelError


@dataclass(frozen=True)
class Node:
    """One operation."""

    run: Callable[..., Any]
    takes: tuple[str, ...]
    """names of its inputs; an absent one is empty"""
    gives: tuple[str, ...]
    settings: Mapping[str, Any]


class Graph:
    """A network of an .onnx file. Raises ModelError for an operation that MLX cannot run here."""

    def __init__(self, path: Path) -> None:
        try:
            import onnx
            from onnx import numpy_helper
        except ImportError as error:
            raise MissingExtraError("device mlx", "mlx") from error

        def plain(attribute: Any) -> Any:
            value = onnx.helper.get_attribute_value(attribute)
            if isinstance(value, bytes):
                return value.decode()
            return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value

        graph = onnx.load(str(path)).graph
        known: dict[str, Any] = {
            each.name: numpy_helper.to_array(each) for each in graph.initializer
        }
        nodes = []
        for each in graph.node:
            if each.op_type not in OPS:
                raise ModelError(
                    f"{path} holds a {each.op_type}, which MLX cannot run: use device cpu."
                )
            settings = {attribute.name: plain(attribute) for attribute in each.attribute}
            node = Node(OPS[each.op_type], tuple(each.input), tuple(each.output), settings)
            if all(name in known for name in node.takes if name):
                known |= _run(node, known)
            else:
                nodes.append(node)
        self.inputs = tuple(each.name for each in graph.input)
        self._outputs = tuple(each.name for each in graph.output)
        self._nodes, self._known = _laid_out(nodes, known)

    def __call__(self, given: Mapping[str, mx.array]) -> list[mx.array]:
        """The outputs for all :attr:`inputs`, not computed yet."""
        values: dict[str, Value] = dict(self._known) | dict(given)
        for node in self._nodes:
            values |= _run(node, values)
        return [values[name] for name in self._outputs]


def _run(node: Node, values: Mapping[str, Value]) -> dict[str, Value]:
    taken = [values[name] if name else None for name in node.takes]
    given = node.run(*taken, **node.settings)
    return dict(zip(node.gives, given if isinstance(given, tuple) else (given,), strict=True))


def _laid_out(nodes: list[Node], known: dict[str, Any]) -> tuple[list[Node], dict[str, Value]]:
    """Constants that the nodes still need, kernels as MLX wants them."""
    kernels = {node.takes[1] for node in nodes if node.run is OPS["Conv"]} & known.keys()
    needed = {name for node in nodes for name in node.takes} & known.keys()
    ready: dict[str, Value] = {}
    for name in needed:
        value = known[name]
        if name in kernels:
            ready[name] = kernel(value)
        else:
            # single numbers and whole ones take part in the arithmetic of shapes
            host = value.size <= 1 or not np.issubdtype(value.dtype, np.floating)
            ready[name] = value if host else mx.array(value)
    mx.eval([value for value in ready.values() if isinstance(value, mx.array)])
    return nodes, ready
