"""One cluster for all tests: a head that draws nothing, and two machines with one core each."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import psutil
import pytest

# read when ray is imported: no telemetry, and nobody else on the network may come in
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
# workers would step back behind everything else that runs on this machine
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 (Ray spells it so)
T = TypeVar("T")
STORE = 96 << 20
"""bytes of shared memory for each machine"""


@dataclass
class Machines:
    """A cluster on this machine that a machine may vanish from."""

    cluster: Any
    nodes: list[Any]
    """those that draw"""

    def lose_one(self) -> None:
        """A machine that draws just now is gone, at once and without a word."""
        worker = seize()
        above = {process.pid for process in worker.parents()}
        [node] = [node for node in self.nodes if above & _pids(node)]
        self.nodes.remove(node)
        self.cluster.remove_node(node, allow_graceful=False)
        worker.kill()

    def add_one(self) -> None:
        """A machine with one core."""
        add = partial(self.cluster.add_node, include_log_monitor=False)
        self.nodes.append(patiently(lambda: add(num_cpus=1, object_store_memory=STORE)))


def patiently(start: Callable[[], T]) -> T:
    """Start a part of Ray, which gives itself half a minute: too little on a machine that is very busy."""
    for _ in range(3):
        try:
            return start()
        except Exception as error:
            if "timed out during startup" not in str(error):
                raise
    return start()


def drawing() -> list[psutil.Process]:
    """Workers that carry out an order just now."""
    return titled("ray::Worker.begin", "ray::Worker.take")


def seize() -> psutil.Process:
    """A worker, stopped while it carries out an order: this one it does not answer any more."""
    while True:
        for process in drawing():
            with suppress(psutil.NoSuchProcess):
                process.suspend()
                while process.status() != psutil.STATUS_STOPPED:
                    time.sleep(0.001)
                # it may have answered before it stopped
                if process in drawing():
                    return process
                process.resume()
        time.sleep(0.01)


def _pids(node: Any) -> set[int]:
    """Processes that a machine of the cluster started itself."""
    return {info.process.pid for infos in node.all_processes.values() for info in infos}


def titled(*titles: str) -> list[psutil.Process]:
    """Processes of the cluster by what they say they are at."""
    return [p for p in psutil.Process().children(recursive=True) if _title(p).startswith(titles)]


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@pytest.fixture(scope="package")
def machines() -> Iterator[Machines]:
    import ray
    from ray.cluster_utils import Cluster

    head = {
        "num_cpus": 0,
        "object_store_memory": STORE,
        "include_dashboard": False,
        "include_log_monitor": False,
    }
    with pytest.MonkeyPatch.context() as patch:
        # the tests' own path, so that workers find what this process runs
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        cluster = patiently(lambda: Cluster(initialize_head=True, head_node_args=head))
        machines = Machines(cluster, [])
        machines.add_one()
        machines.add_one()
        ray.init(cluster.address, log_to_driver=False, logging_level="error")
        yield machines
        ray.shutdown()
        cluster.shutdown()
    _, left = psutil.wait_procs(psutil.Process().children(recursive=True), timeout=60)
    assert not [p for p in left if "ray" in _title(p)]
