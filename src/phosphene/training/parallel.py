"""Data parallelism over single-threaded CPU processes.

Threads meet at the end of every convolution, processes only at the end of a step: on a machine
that does other work besides, processes are several times faster.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import distributed, multiprocessing, nn


def launch(worker: Callable[..., object], workers: int, *args: Any) -> None:
    """Run `worker(*args)` in this process, or in that many single-threaded ones that train together."""
    if workers <= 1:
        worker(*args)
        return
    with tempfile.TemporaryDirectory() as meeting:
        multiprocessing.spawn(  # type: ignore[attr-defined, no-untyped-call]
            _enter, (workers, f"{meeting}/store", worker, args), nprocs=workers
        )


def _enter(
    rank: int, workers: int, store: str, worker: Callable[..., object], args: tuple[Any, ...]
) -> None:
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=workers
    )
    try:
        worker(*args)
    finally:
        distributed.destroy_process_group()


def rank() -> int:
    return distributed.get_rank() if distributed.is_initialized() else 0


def workers() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1


def share_buffers(module: nn.Module) -> None:
    """Give every worker the first one's buffers (running statistics)."""
    if workers() > 1:
        for buffer in module.buffers():
            distributed.broadcast(buffer, 0)


def average_gradients(parameters: Iterable[nn.Parameter], progress: float) -> float:
    """Average gradients over the workers in one message.

    Returns the average of their progress, the same for all, so that they stop together.
    """
    if workers() == 1:
        return progress
    grads = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in grads] + [torch.tensor([progress])])
    distributed.all_reduce(flat)
    flat /= workers()
    parts = torch.split(flat[:-1], [g.numel() for g in grads])
    for grad, part in zip(grads, parts, strict=True):
        grad.copy_(part.view_as(grad))
    return float(flat[-1])
