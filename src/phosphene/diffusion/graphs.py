"""A function of tensors as captured CUDA graphs: one launch instead of hundreds, which small work waits for.

What a graph reads and writes lies at fixed places. Whatever is a value (prompt, strength, seed, pictures) is
copied there and needs no new graph; whatever changes the launches (network, LoRAs, shapes, batch, number
format, device) is in the key.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

GRAPHS = 6
"""kept at most, the latest used, each with its own memory: a show changes size and batch now and then"""
WARM_UP = 3
"""calls before the capture: libraries choose their algorithms and allocate in the first ones"""

Tensors = dict[str, "Tensor"]
Function = Callable[[Tensors], "Tensor"]


@dataclass(frozen=True)
class InputKey:
    """What of one input is in the graph."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device


@dataclass(frozen=True)
class GraphKey:
    """Two calls with equal keys launch the same work."""

    network: str
    """which function: the model, its part, its LoRAs"""
    inputs: tuple[InputKey, ...]


def key_of(network: str, tensors: Tensors) -> GraphKey:
    """The key of a call; order of the inputs does not matter, values do not either."""
    return GraphKey(
        network,
        tuple(
            InputKey(name, tuple(each.shape), each.dtype, each.device)
            for name, each in sorted(tensors.items())
        ),
    )


@dataclass(frozen=True)
class Captured:
    """Work that can be done again on what ``given`` holds by then; ``out`` has the result."""

    replay: Callable[[], None]
    given: Tensors
    out: Tensor


Capture = Callable[[Function, Tensors], Captured]


class Graphed:
    """``function`` replayed from a graph for each kind of inputs it has seen. Threads take turns.

    Args:
        function: reads only its tensors and weights that stay where they are; waits for nothing.
        network: see :class:`GraphKey`.
        capture: how a call is recorded.
    """

    def __init__(self, function: Function, network: str, capture: Capture | None = None) -> None:
        self._function = function
        self._network = network
        self._capture = capture or cuda_graph
        self._graphs: OrderedDict[GraphKey, Captured] = OrderedDict()
        self._lock = Lock()

    def __call__(self, tensors: Tensors) -> Tensor:
        """Copy the inputs in, replay, copy the result out."""
        key = key_of(self._network, tensors)
        with self._lock:
            if key not in self._graphs:
                self._graphs[key] = self._capture(self._function, tensors)
                while len(self._graphs) > GRAPHS:
                    self._graphs.popitem(last=False)
            self._graphs.move_to_end(key)
            captured = self._graphs[key]
            for name, tensor in captured.given.items():
                tensor.copy_(tensors[name], non_blocking=True)
            captured.replay()
            # the next replay overwrites it
            return captured.out.clone()

    @property
    def keys(self) -> tuple[GraphKey, ...]:
        """Of the graphs at hand, the latest used last."""
        return tuple(self._graphs)


def held(tensors: Tensors) -> Tensors:
    """Fixed places for a call's inputs, laid out as they are."""
    import torch

    def place(tensor: Tensor) -> Tensor:
        # a broadcast axis becomes a real one: nothing can be copied into it
        kept = torch.preserve_format if 0 not in tensor.stride() else torch.contiguous_format
        return tensor.clone(memory_format=kept)

    return {name: place(tensor) for name, tensor in tensors.items()}


def cuda_graph(function: Function, tensors: Tensors) -> Captured:
    """Run ``function`` a few times, then record it. Raises what it raises."""
    import torch

    given = held(tensors)
    stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            function(given)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # other threads may copy and allocate meanwhile
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        out = function(given)
    return Captured(graph.replay, given, out)
