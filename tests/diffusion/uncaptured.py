"""A CUDA graph without CUDA: the same fixed places read and written, by calling again."""

from __future__ import annotations

from phosphene.diffusion.graphs import Captured, Function, Tensors, held


class Uncaptured:
    """As :func:`phosphene.diffusion.graphs.cuda_graph`; counts what it would have captured."""

    def __init__(self) -> None:
        self.captures = 0

    def __call__(self, function: Function, tensors: Tensors) -> Captured:
        self.captures += 1
        given = held(tensors)
        out = function(given).clone()

        def replay() -> None:
            out.copy_(function(given))

        return Captured(replay, given, out)
