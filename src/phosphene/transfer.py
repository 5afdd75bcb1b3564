"""Arrays between host and device: beside the work under way, waiting for nothing but themselves.

A plain copy from ordinary memory makes the host wait until the device has done everything it was given
before. From pinned memory, on a stream of its own, it overlaps the frame that is being drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch


def upload(array: npt.NDArray[Any], device: torch.device) -> torch.Tensor:
    """A copy of ``array`` on ``device``; who uses it there need not wait."""
    import torch

    host = torch.from_numpy(np.require(array, requirements=["C", "W"]))
    if device.type != "cuda":
        # a copy also on the cpu: the caller may go on to change the array. on mps it is waited for, as
        # nothing promises that the memory it is read from lives for so long
        return host.to(device, copy=True, non_blocking=device.type != "mps")
    side = _side_stream(device)
    with torch.cuda.stream(side):
        there = host.pin_memory().to(device, non_blocking=True)
    now = torch.cuda.current_stream(device)
    now.wait_stream(side)
    there.record_stream(now)
    return there


@dataclass(frozen=True)
class Download:
    """A tensor on its way to the host."""

    host: torch.Tensor
    arrived: Any
    """the event after it; None where there is nothing to wait for"""

    def result(self) -> npt.NDArray[Any]:
        """Wait for it, and for nothing that the device was given later."""
        if self.arrived is not None:
            self.arrived.synchronize()
        array: npt.NDArray[Any] = self.host.numpy()
        return array


def download(tensor: torch.Tensor) -> Download:
    """Send a tensor to the host once what makes it is done; the next frame may begin meanwhile."""
    import torch

    if tensor.device.type != "cuda":
        return Download(tensor.detach().cpu(), None)
    side: Any = _side_stream(tensor.device)
    side.wait_stream(torch.cuda.current_stream(tensor.device))
    with torch.cuda.stream(side):
        host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        host.copy_(tensor, non_blocking=True)
        # a thread that sleeps leaves its core to the others
        arrived: Any = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        arrived.record(side)
    tensor.record_stream(side)
    return Download(host, arrived)


@lru_cache(maxsize=8)
def _side_stream(device: torch.device) -> Any:
    import torch

    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
