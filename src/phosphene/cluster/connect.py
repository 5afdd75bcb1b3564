"""Finding or starting a Ray cluster, and saying how many workers fit into it."""

from __future__ import annotations

import math
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phosphene.config import DiffusionConfig
from phosphene.diffusion.registry import worker_needs
from phosphene.errors import ConfigError, InputError, MissingExtraError

OBJECT_STORE = 256 << 20
"""bytes of shared memory on one machine: segments on their way are a few megabytes"""
THREADS = 4
"""of one small network; more only wait for each other"""
WORKERS_PER_EAR = 16
"""a song of four minutes is heard in three seconds and drawn in a hundred and fifty"""
KNOCK_SECONDS = 5.0
"""for a machine to answer at all"""
TOKEN = Path.home() / ".ray" / "auth_token"
"""where Ray keeps the password of its clusters, if they have one"""
FOUND = Path("/tmp/ray/ray_current_cluster")
"""where `ray start` notes the cluster of this machine"""


@dataclass(frozen=True)
class Asked:
    """What one worker may take, and how many there should be."""

    workers: int | None = None
    """``None``: as many as fit now. More than fit wait for machines to come"""
    cpus: float | None = None
    """for each; ``None``: one for the built-in model, a whole machine's for others without a GPU"""
    gpus: float = 1.0
    """for each, where the model uses GPUs: a half lets two share one"""


@dataclass(frozen=True)
class Plan:
    """Workers that a cluster gets."""

    count: int
    cpus: float
    gpus: float
    threads: int | None
    """of each network on a CPU; None on a GPU"""
    ear_cpus: float
    """for hearing a song; 0 where the workers take all there are"""

    def describe(self) -> str:
        """In a few words."""
        each = f"{self.gpus:g} GPU" if self.gpus else f"{self.cpus:g} CPU"
        return f"{self.count} workers with {each} each"


@contextmanager
def connected(cluster: str, cpus: int | None = None) -> Iterator[str]:
    """Use a cluster while the block runs; tells which. ``cpus``: of a local one, None: all.

    ``cluster`` is ``local``, ``auto`` or the address of a running one, such as ``ray://HOST:10001``.
    Raises :class:`InputError` where none answers, :class:`MissingExtraError` without Ray.
    """
    # read when ray is imported: nobody is told of this show
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    address = _address(cluster)
    _check_address(address)
    if address == "local":
        # a cluster of one machine needs to be reached from nowhere else
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        # a batch is as important as a render: Ray's workers would step back behind everything else
        os.environ.setdefault("RAY_worker_niceness", "0")
    if address.startswith("ray://") and TOKEN.exists():
        # drivers inside a cluster find it by themselves
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("more than one machine", "ray") from error
    with tempfile.TemporaryDirectory() if address != "local" else _session_folder() as folder:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
        if address == "local":
            options |= {
                "num_cpus": cpus or os.cpu_count(),
                "include_dashboard": False,
                "object_store_memory": OBJECT_STORE,
                "_temp_dir": folder,
            }
        try:
            ray.init(address, **options)
        except Exception as error:  # Ray raises whatever it met, a bare Exception too
            ray.shutdown()
            raise InputError(_no_answer(address, str(error))) from error
        try:
            yield "a cluster on this machine" if address == "local" else f"the cluster at {address}"
        finally:
            ray.shutdown()


def _check_address(address: str) -> None:
    """Ask at the door: Ray itself knocks for minutes. Raises :class:`InputError`."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):
        if address in ("local", "auto"):
            return
        raise InputError(f"--cluster {address} is no address: give ray://HOST:PORT or HOST:PORT.")
    try:
        socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise InputError(_no_answer(address, str(error))) from error


def _no_answer(address: str, text: str) -> str:
    reason = (text.splitlines() or ["no reason given"])[0].rstrip(".:")
    if address == "local":
        return f"Ray does not start on this machine ({reason}): try again when it has less to do."
    return (
        f"no Ray cluster answers at {address} ({reason}): start one with `ray start --head`, or use"
        " --cluster local."
    )


def plan_workers(asked: Asked, diffusion: DiffusionConfig) -> Plan:
    """How many workers fit into the connected cluster.

    Raises :class:`~phosphene.errors.ConfigError` where none does.
    """
    import ray

    return fitting(asked, diffusion, [n["Resources"] for n in ray.nodes() if n["Alive"]])


def fitting(
    asked: Asked, diffusion: DiffusionConfig, machines: Sequence[Mapping[str, float]]
) -> Plan:
    """The same for machines with these resources, under Ray's names."""
    needs = worker_needs(diffusion.model)
    there = any(m.get("GPU") for m in machines)
    if diffusion.device == "cuda" and not there:
        raise ConfigError(
            "diffusion.device is cuda, and no machine of the cluster has a GPU: say cpu or auto."
        )
    on_gpu = there and (diffusion.device == "cuda" or (needs.gpu and diffusion.device == "auto"))
    gpus = asked.gpus if on_gpu else 0.0
    most = max((m.get("CPU", 0.0) for m in machines), default=0.0)
    whole = 1.0 if gpus else needs.cpus or most
    cpus = whole if asked.cpus is None else asked.cpus
    fit = sum(_fit(m, cpus, gpus) for m in machines)
    count = asked.workers or fit
    if count < 1:
        raise ConfigError(
            f"no machine of the cluster has {cpus:g} CPUs and {gpus:g} GPUs for a worker: ask for less."
        )
    threads = None if gpus else max(1, min(THREADS, int(cpus) // 2))
    # with GPUs drawing, cores that are left over hear
    spare = sum(m.get("CPU", 0.0) for m in machines) - count * cpus
    return Plan(count, cpus, gpus, threads, 1.0 if gpus and spare >= audio_input(count) else 0.0)


def audio_input(workers: int) -> int:
    """Actors that hear songs for so many that draw."""
    return math.ceil(workers / WORKERS_PER_EAR)


def _fit(machine: Mapping[str, float], cpus: float, gpus: float) -> int:
    by_cpu = int(machine.get("CPU", 0.0) / cpus) if cpus else None
    by_gpu = int(machine.get("GPU", 0.0) / gpus) if gpus else None
    return min(n for n in (by_cpu, by_gpu, 1 << 16) if n is not None)


def _address(cluster: str) -> str:
    if cluster != "auto":
        return cluster
    if os.environ.get("RAY_ADDRESS"):
        return os.environ["RAY_ADDRESS"]
    return "auto" if FOUND.exists() else "local"


@contextmanager
def _session_folder() -> Iterator[str]:
    """For Ray's sockets and logs, gone afterwards; short, for the name of a socket may have 107 bytes."""
    short = "/tmp" if os.name == "posix" else None
    folder = tempfile.mkdtemp(prefix="phosphene-ray-", dir=short)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
