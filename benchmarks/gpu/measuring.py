"""How everything here is timed, and what the card can do at most."""

from __future__ import annotations

import gc
import queue
import resource
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Room:
    """Where a piece runs and for how long."""

    device: torch.device
    toy: bool
    trees: Any
    """folder of the random checkpoints"""
    seconds: float
    """of measuring for one row"""

    @property
    def cuda(self) -> bool:
        return self.device.type == "cuda"

    def wait(self) -> None:
        if self.cuda:
            torch.cuda.synchronize()


@dataclass(frozen=True)
class Row:
    """One line of the table. Times in ms; an empty ``reason`` means that it ran."""

    name: str
    fps: float | None = None
    """pictures a second with the next one begun before the last one is fetched, as a live show does"""
    p50: float | None = None
    """from uint8 pixels in to uint8 pixels out, one picture at a time"""
    p95: float | None = None
    p99: float | None = None
    memory_mb: float | None = None
    floor_ms: float | None = None
    """operations of one picture over the card's measured rate"""
    note: str = ""
    reason: str = ""
    """why it did not run"""

    def told(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Ceilings:
    """The card, measured: the two numbers nothing can beat."""

    name: str
    matmul_tflops: float
    """float16 matrix product of random numbers, 8192 a side (256 on a CPU, in float32)"""
    copy_gb_s: float
    """a copy on the device, bytes read and written"""


def ceilings(room: Room) -> Ceilings:
    """Median of repeated runs; zeros would run faster than data does."""
    side, kind = (8192, torch.float16) if room.cuda else (256, torch.float32)
    a = torch.randn((side, side), device=room.device, dtype=kind)
    b = torch.randn((side, side), device=room.device, dtype=kind)
    product = median_ms(room, lambda: a @ b, 0.5)
    big = torch.randn(2**28 if room.cuda else 2**20, device=room.device)
    other = torch.empty_like(big)
    copy = median_ms(room, lambda: other.copy_(big), 0.5)
    name = torch.cuda.get_device_name() if room.cuda else "CPU"
    return Ceilings(name, 2 * side**3 / product / 1e9, 2 * 4 * big.numel() / copy / 1e6)


def median_ms(room: Room, call: Callable[[], object], seconds: float) -> float:
    """Of one call, on the device's own clock where it has one."""
    for _ in range(3):
        call()
    room.wait()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 10 or time.perf_counter() < end:
        if room.cuda:
            before: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            after: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            before.record()
            call()
            after.record()
            after.synchronize()
            times.append(before.elapsed_time(after))
        else:
            began = time.perf_counter()
            call()
            times.append((time.perf_counter() - began) * 1e3)
        if len(times) >= 2000:
            break
    return statistics.median(times)


def graph_ms(room: Room, call: Callable[[], object], seconds: float) -> float:
    """Of one call among 20 replayed from a graph: launches cost nothing. On a CPU, of a plain call."""
    if not room.cuda:
        return median_ms(room, call, seconds)
    call()
    room.wait()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(20):
            call()
    return median_ms(room, graph.replay, seconds) / 20


def clean(room: Room) -> None:
    gc.collect()
    if room.cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def memory_mb(room: Room) -> float:
    if room.cuda:
        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def pictures(count: int, size: int) -> list[np.ndarray]:
    """Uint8 pictures that differ, so that nothing is skipped or remembered."""
    return list(np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8))


def time_pictures(
    room: Room,
    name: str,
    whole: Callable[[np.ndarray], np.ndarray],
    parts: tuple[Callable[[np.ndarray], Any], Callable[[Any], object]] | None,
    size: int,
    **told: Any,
) -> Row:
    """Latency of ``whole``, and the rate of ``parts`` on two threads, like a live show's.

    ``parts`` draw a latent and make a picture of it; None: the rate is that of ``whole``.
    """
    given = pictures(8, size)
    for i in range(1 if room.toy else 20):
        out = whole(given[i % 8])
    assert out.dtype == np.uint8 and out.shape[-1] == 3
    times: list[float] = []
    end = time.perf_counter() + room.seconds
    while len(times) < (2 if room.toy else 100) or time.perf_counter() < end:
        began = time.perf_counter()
        whole(given[len(times) % 8])
        times.append((time.perf_counter() - began) * 1e3)
    rate = 1e3 / statistics.mean(times) if parts is None else overlapped(room, given, *parts)
    p50, p95, p99 = (float(np.percentile(times, q)) for q in (50, 95, 99))
    return Row(name, rate, p50, p95, p99, memory_mb(room), **told)


def overlapped(
    room: Room,
    given: list[np.ndarray],
    draw: Callable[[np.ndarray], Any],
    finish: Callable[[Any], object],
) -> float:
    """Pictures a second when one thread draws and another finishes."""
    waiting: queue.Queue[Any] = queue.Queue(maxsize=1)
    finished = 0

    def work() -> None:
        nonlocal finished
        while (latent := waiting.get()) is not None:
            finish(latent)
            finished += 1

    worker = threading.Thread(target=work)
    worker.start()
    for i in range(1 if room.toy else 8):
        waiting.put(draw(given[i % 8]))
    began, first = time.perf_counter(), finished
    count = 0
    while count < 2 or time.perf_counter() < began + room.seconds:
        waiting.put(draw(given[count % 8]))
        count += 1
    waiting.put(None)
    worker.join()
    return (finished - first) / (time.perf_counter() - began)


def operations_of(call: Callable[[], object]) -> float:
    """Floating-point operations of one call, two for a multiplication with an addition."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops())
