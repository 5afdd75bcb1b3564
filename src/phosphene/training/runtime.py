"""What both trainings share: device, clock, averages, checkpoints, sample sheets."""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

AnyModule = TypeVar("AnyModule", bound=nn.Module)


def pick_device(name: str) -> torch.device:
    """`auto` takes CUDA, then Apple's GPU, then the CPU."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


@contextlib.contextmanager
def fast_math(device: torch.device) -> Iterator[None]:
    """bfloat16 autocast on CUDA; float32 elsewhere, where bfloat16 is not reliably faster."""
    if device.type == "cuda":
        with torch.autocast("cuda", torch.bfloat16):
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
        return min(1.0, self.spent_s / self.budget_s)

    def every(self, seconds: float, last: float) -> bool:
        return self.spent_s - last >= seconds


def learning_rate(peak: float, step: int, progress: float, warmup: int = 200) -> float:
    """Linear warm-up in steps, cosine to zero in time."""
    return peak * min(1.0, (step + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * progress))


class Average:
    """Exponential moving average of a module, warmed up so that early steps are forgotten."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.module = copy.deepcopy(module).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for slow, fast in zip(self.module.parameters(), module.parameters(), strict=True):
            slow.lerp_(fast.detach(), 1 - decay)
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


def save_sheet(path: Path, rows: Tensor) -> None:
    """Write (rows, columns, 3, h, w) pictures in [0, 1] as one PNG."""
    r, c, _, h, w = rows.shape
    sheet = rows.clamp(0, 1).permute(0, 3, 1, 4, 2).reshape(r * h, c * w, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((sheet.float().cpu().numpy() * 255).round().astype(np.uint8)).save(path)
