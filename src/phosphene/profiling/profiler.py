"""Where the time goes: named stages, percentiles, memory."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

Device = Literal["cpu", "cuda", "mps"]

# percentiles look at the latest samples only, so that memory does not grow with the show
WINDOW = 4096


@dataclass(frozen=True)
class StageTimes:
    """Timings of one stage, milliseconds."""

    name: str
    calls: int
    total_ms: float
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


@dataclass
class _Stage:
    calls: int = 0
    total: float = 0.0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    # (start, end) device events whose time is read later, so that profiling never waits for a GPU
    pending: deque[tuple[Any, Any]] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def add(self, milliseconds: float) -> None:
        self.calls += 1
        self.total += milliseconds
        self.recent.append(milliseconds)


class Profiler:
    """Times named blocks on the CPU clock or with CUDA or MPS events. Thread safe.

    >>> profiler = Profiler()
    >>> with profiler.profile("decode"):
    ...     pass
    >>> profiler.times("decode").calls
    1
    """

    def __init__(self, device: Device = "cpu") -> None:
        self.device = device
        self._stages: dict[str, _Stage] = {}
        self._lock = threading.Lock()

    @contextmanager
    def profile(self, name: str) -> Iterator[None]:
        """Time the block as one call of stage ``name``."""
        if self.device == "cpu":
            begin = time.perf_counter()
            try:
                yield
            finally:
                self.record(name, (time.perf_counter() - begin) * 1e3)
            return
        start, end = self._event(), self._event()
        start.record()
        try:
            yield
        finally:
            end.record()
            with self._lock:
                self._stages.setdefault(name, _Stage()).pending.append((start, end))

    def record(self, name: str, milliseconds: float) -> None:
        """Add one measured call."""
        with self._lock:
            self._stages.setdefault(name, _Stage()).add(milliseconds)

    def times(self, name: str) -> StageTimes:
        """Figures of one stage; all zero if it never ran."""
        with self._lock:
            stage = self._stages.get(name, _Stage())
            self._settle(stage)
            if not stage.calls:
                return StageTimes(name, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
            recent = np.asarray(stage.recent)
            p50, p95, p99 = np.percentile(recent, [50, 95, 99])
            return StageTimes(
                name,
                stage.calls,
                stage.total,
                stage.total / stage.calls,
                float(p50),
                float(p95),
                float(p99),
                float(recent.max()),
            )

    def get_avg_time(self, name: str) -> float:
        """Mean time of a stage, milliseconds; 0 if it never ran."""
        return self.times(name).mean_ms

    def summary(self) -> list[StageTimes]:
        """Every stage, the one that took longest in all first."""
        with self._lock:
            names = list(self._stages)
        return sorted((self.times(name) for name in names), key=lambda s: -s.total_ms)

    def print_summary(self) -> None:
        """Print a table of every stage."""
        print(format_table(self.summary()))

    def export_json(self, path: str | Path) -> None:
        """Write stages and memory as JSON."""
        report = {
            "stages": [asdict(s) for s in self.summary()],
            "memory_mb": memory_mb(self.device),
        }
        Path(path).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")

    def reset(self) -> None:
        """Forget all timings."""
        with self._lock:
            self._stages.clear()

    def _event(self) -> Any:
        import torch

        device: Any = torch.cuda if self.device == "cuda" else torch.mps
        return device.Event(enable_timing=True)

    @staticmethod
    def _settle(stage: _Stage) -> None:
        while stage.pending:
            start, end = stage.pending.popleft()
            end.synchronize()
            stage.add(start.elapsed_time(end))


def memory_mb(device: Device = "cpu") -> dict[str, float]:
    """Resident memory of this process, and of the device if there is one, in MB (10^6 bytes)."""
    import psutil

    out = {"resident": psutil.Process().memory_info().rss / 1e6}
    if device == "cuda":
        import torch

        out["device"] = torch.cuda.memory_allocated() / 1e6
        out["device_peak"] = torch.cuda.max_memory_allocated() / 1e6
    elif device == "mps":
        import torch

        out["device"] = torch.mps.current_allocated_memory() / 1e6
    return out


def format_table(stages: list[StageTimes]) -> str:
    """Stages as aligned text columns."""
    head = f"{'stage':<16}{'calls':>8}{'mean ms':>10}{'p50':>9}{'p95':>9}{'p99':>9}{'share':>8}"
    whole = sum(s.total_ms for s in stages) or 1.0
    rows = [
        f"{s.name:<16}{s.calls:>8}{s.mean_ms:>10.2f}{s.p50_ms:>9.2f}{s.p95_ms:>9.2f}{s.p99_ms:>9.2f}"
        f"{s.total_ms / whole:>8.1%}"
        for s in stages
    ]
    return "\n".join([head, *rows])


_profiler = Profiler()


def get_profiler() -> Profiler:
    """The profiler every part of phosphene reports to."""
    return _profiler
