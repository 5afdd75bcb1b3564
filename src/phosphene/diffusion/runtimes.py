"""Which library runs a network fastest here: measured once by model, machine and version, and kept."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from phosphene.diffusion.notices import first_line, say_once

PATIENCE_SECONDS = 2.0
"""of calls for all ways together; every way gets two calls at least"""
LIBRARIES = ("torch", "onnxruntime", "openvino")


def cache_folder() -> Path:
    """Where what was made for this machine is kept: ``PHOSPHENE_CACHE``, or the user's cache folder."""
    return Path(os.environ.get("PHOSPHENE_CACHE") or Path.home() / ".cache" / "phosphene")


def fastest(model: str, ways: Mapping[str, Callable[[], Callable[[], object]]]) -> str:
    """The name of the fastest of ``ways``, and a sentence about it.

    Each makes a call that can be repeated; one that cannot be made is left out, which is said. ``model``
    names the network and all that its speed depends on.
    """

    def measure() -> dict[str, float]:
        found = {}
        for name, make in ways.items():
            try:
                found[name] = _seconds(make(), PATIENCE_SECONDS / len(ways))
            except Exception as error:
                say_once(f"runtime auto does without {name}: {first_line(error)}.")
        return found

    kept, when = once(key_of(model, ways), set(ways), measure)
    order = sorted(kept, key=lambda name: kept[name])
    told = ", ".join(f"{name} {1000 * kept[name]:.0f} ms" for name in order)
    say_once(f"runtime auto: {order[0]} draws (a call: {told}; {when}).")
    return order[0]


def once(
    key: str, names: AbstractSet[str], measure: Callable[[], dict[str, float]]
) -> tuple[dict[str, float], str]:
    """What was measured before under a key, some of ``names`` by number, or is now; and which of the two."""
    file = cache_folder() / "runtimes.json"
    known = _read(file)
    kept = known.get(key)
    if isinstance(kept, dict) and kept and kept.keys() <= names:
        return kept, "measured before"
    found = measure()
    _write(file, known | {key: found})
    return found, "measured now"


def _seconds(call: Callable[[], object], patience: float) -> float:
    """Of one call, the fastest: what else the machine does only adds."""
    call()
    best, end = float("inf"), time.perf_counter() + patience
    while True:
        began = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - began)
        if time.perf_counter() > end:
            return best


def key_of(model: str, ways: Iterable[str]) -> str:
    """Of what was measured: another machine, or another version of a library, measures anew."""
    versions = [f"{name} {_version(name)}" for name in LIBRARIES if find_spec(name)]
    told = [model, *ways, processor(), str(os.cpu_count()), *versions]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:20]


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        # a module may come from a package of another name: onnxruntime-gpu
        return "unknown"


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _read(file: Path) -> dict[str, dict[str, float]]:
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def _write(file: Path, held: dict[str, dict[str, float]]) -> None:
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(held, indent=1), encoding="utf-8")
        part.replace(file)
    except OSError as error:
        say_once(f"what was measured of this machine cannot be kept: {first_line(error)}.")
