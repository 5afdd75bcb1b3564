"""What all stages share: device, number formats, averages, checkpoints, clocks."""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import torch
from torch import Tensor, nn

from phosphene.diffusion.checkpoints import device as cpu
from phosphene.diffusion.notices import say_once

AnyModule = TypeVar("AnyModule", bound=nn.Module)


def pick_device(name: str) -> torch.device:
    """`auto` takes CUDA, then Apple's GPU, then the CPU."""
    if name == "auto":
        mps = torch.backends.mps.is_available()
        name = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    device = torch.device(name)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
    return device


@contextlib.contextmanager
def fast_math(device: torch.device) -> Iterator[None]:
    """bfloat16 autocast on CUDA, and on CPUs with products of it (AMX, AVX-512 BF16); float32 elsewhere.

    A step of the flow stage takes 0.74 of the time on two cores with the first, 0.63 on one with the second;
    without either bfloat16 is no faster.
    """
    if device.type == "cuda" or (device.type == "cpu" and cpu.has_bfloat16()):
        with torch.autocast(device.type, torch.bfloat16):
            yield
    else:
        yield


def place(module: AnyModule, device: torch.device) -> AnyModule:
    """On the device in channels-last order, which convolutions prefer on CPUs and GPUs alike."""
    moved: AnyModule = module.to(device)
    for p in moved.parameters():
        if p.dim() == 4:
            p.data = p.data.contiguous(memory_format=torch.channels_last)
    return moved


Call = TypeVar("Call", bound=Callable[..., Tensor])


def compiled(function: Call, wanted: bool, device: torch.device) -> Call:
    """The function through torch.compile, on CUDA; a compiler that fails is said so and left out."""
    if not wanted or device.type != "cuda":
        return function
    fast = torch.compile(function, dynamic=False)
    broken = False

    def call(*args: Any, **kwargs: Any) -> Tensor:
        nonlocal broken
        if not broken:
            try:
                return fast(*args, **kwargs)
            except Exception as error:
                broken = True
                say_once(f"torch.compile is off: {type(error).__name__}: {str(error)[:200]}")
        return function(*args, **kwargs)

    return cast(Call, call)


class Clock:
    """Training by the clock: progress in [0, 1] of a budget in seconds that survives a restart."""

    def __init__(self, budget_s: float, spent_s: float = 0.0) -> None:
        self.budget_s = budget_s
        self._start = time.monotonic() - spent_s

    @property
    def spent_s(self) -> float:
        return time.monotonic() - self._start

    @property
    def progress(self) -> float:
        return min(1.0, self.spent_s / self.budget_s) if self.budget_s > 0 else 1.0


def learning_rate(peak: float, step: int, progress: float, warmup: int = 200) -> float:
    """Linear warm-up in steps, cosine to zero in time."""
    return peak * min(1.0, (step + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * progress))


def set_rate(optim: torch.optim.Optimizer, rate: float) -> None:
    """One learning rate for all parameters, but for groups with a ``scale``."""
    for group in optim.param_groups:
        group["lr"] = rate * group.get("scale", 1.0)


class Restorable(Protocol):
    """What goes on from a checkpoint."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None: ...


def restore_optimisers(state: Mapping[str, Any], **optims: Restorable) -> None:
    """Give optimisers their memory back, by name; a packed run has none, and they start afresh."""
    for name, optim in optims.items():
        if name in state:
            optim.load_state_dict(state[name])


class Average:
    """Exponential moving average of a module, warmed up so that early steps are forgotten."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.module = copy.deepcopy(module).eval().requires_grad_(False)

    def state(self, module: nn.Module) -> dict[str, Any]:
        """Average and ``module``, for a checkpoint."""
        return {
            "model": module.state_dict(),
            "average": self.module.state_dict(),
            "averaged": self.steps,
        }

    def restore(self, state: Mapping[str, Any], module: nn.Module) -> None:
        """Go on from :meth:`state`; a packed run has the average only, and ``module`` starts from it."""
        module.load_state_dict(state.get("model", state["average"]))
        self.module.load_state_dict(state["average"])
        self.steps = state["averaged"]

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        slow: list[Tensor] = [p.detach() for p in self.module.parameters()]
        fast: list[Tensor] = [p.detach() for p in module.parameters()]
        torch._foreach_lerp_(slow, fast, 1 - decay)
        for kept, new in zip(self.module.buffers(), module.buffers(), strict=True):
            kept.copy_(new)


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def load(path: Path, device: torch.device) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state
