"""How busy this machine is."""

from __future__ import annotations

import sys
import time

import psutil

from phosphene.server.protocol import Gpu, Load

FRESH = 0.9
"""seconds for which a sample is good"""


class Machine:
    """Samples the load when asked, at most about once a second."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        psutil.cpu_percent()
        self._sampled = 0.0
        self._load = Load(cpu_percent=0.0, memory_mb=0.0)

    def load(self) -> Load:
        """Processor load since the last sample, memory of this process and of its GPU."""
        now = time.monotonic()
        if now - self._sampled > FRESH:
            self._sampled = now
            self._load = Load(
                cpu_percent=psutil.cpu_percent(),
                memory_mb=round(self._process.memory_info().rss / 2**20, 1),
                gpu=_gpu(),
            )
        return self._load


def _gpu() -> Gpu | None:
    # only a model that uses torch has loaded it; the built-in one does without
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    free, total = torch.cuda.mem_get_info()
    name = str(torch.cuda.get_device_name())
    return Gpu(name=name, memory_mb=(total - free) / 2**20, total_mb=total / 2**20)
