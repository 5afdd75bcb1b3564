"""Muon: momentum whose matrices are made orthogonal before each step (Jordan et al. 2024).

`torch.optim.Muon` takes plain matrices only and computes in bfloat16, which CPUs without it emulate; here a
convolution is the matrix of its outputs, equal shapes go through one batch, and numbers are float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
DECAY = 0.01
ITERATIONS = 5
QUINTIC = (3.4445, -4.7750, 2.0315)
"""coefficients of the Newton-Schulz iteration: they bring all singular values near 1 in five rounds"""


class Muon:
    """For weights of two dimensions or more."""

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self._parameters = list(parameters)
        self._momentum = [torch.zeros_like(p) for p in self._parameters]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step against the gradients."""
        alike: dict[tuple[int, ...], list[tuple[nn.Parameter, Tensor]]] = {}
        for parameter, momentum in zip(self._parameters, self._momentum, strict=True):
            if parameter.grad is None:
                continue
            momentum.lerp_(parameter.grad, 1 - MOMENTUM)
            # Nesterov's look ahead
            ahead = parameter.grad.lerp(momentum, MOMENTUM).flatten(1)
            alike.setdefault(tuple(_wide(ahead).shape), []).append((parameter, ahead))
        for rows in alike.values():
            steps = orthogonal(torch.stack([_wide(ahead) for _, ahead in rows]))
            for (parameter, ahead), step in zip(rows, steps, strict=True):
                height, width = ahead.shape
                own = step if height <= width else step.mT
                scale = max(1.0, height / width) ** 0.5
                parameter.mul_(1 - rate * DECAY).add_(
                    own.reshape(parameter.shape), alpha=-rate * scale
                )

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"momentum": self._momentum}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        for own, kept in zip(self._momentum, state["momentum"], strict=True):
            own.copy_(kept)


def _wide(matrix: Tensor) -> Tensor:
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.mT


def orthogonal(matrices: Tensor) -> Tensor:
    """(n, rows, columns), rows <= columns: about the nearest with orthonormal rows."""
    a, b, c = QUINTIC
    x: Tensor = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def split(module: nn.Module, within: str = "") -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Weights for Muon, and the rest for AdamW: both ends of a network, small tables and vectors.

    Only parts whose names begin with ``within`` have weights for Muon.
    """
    matrices: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        inner = name.startswith(within) and not any(part in name for part in OUTER)
        (matrices if inner and parameter.dim() >= 2 else rest).append(parameter)
    return matrices, rest


OUTER = (
    *("enter", "leave", "around", "film", "place", "nothing", "age"),
    *("likely", "told", "laid", "levels"),
)
"""parts whose weights are no matrices from features to features"""
