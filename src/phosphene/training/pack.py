"""A run in a few small files, to carry it between machines; float16, averaged weights only.

A GPU that is lent for minutes keeps nothing, and carries little. What is left out (raw weights beside
their averages, optimisers) costs a packed run a few steps when it goes on.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from phosphene.errors import ConfigError
from phosphene.training import runtime

NETWORKS = ("flow", "unroll", "sharpen")
NOTES = "notes.zip"


def pack(run: Path, to: Path) -> list[Path]:
    """Write one .pt per network and one archive of everything small; returns the files."""
    to.mkdir(parents=True, exist_ok=True)
    made = []
    for name in NETWORKS:
        if (run / f"{name}.pt").exists():
            state = runtime.load(run / f"{name}.pt", torch.device("cpu"))
            for large in ("model", "optim", "muon", "critic_optim"):
                state["stage"].pop(large, None)
            runtime.save(to / f"{name}.pt", _half(state))
            made.append(to / f"{name}.pt")
    with zipfile.ZipFile(to / NOTES, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (*_notes(run), *_newest_sheets(run)):
            archive.write(path, path.relative_to(run))
    return [*made, to / NOTES]


def _notes(run: Path) -> list[Path]:
    return [p for p in sorted(run.iterdir()) if p.suffix in {".json", ".jsonl", ".toml", ".txt"}]


def _newest_sheets(run: Path) -> list[Path]:
    """Curves and the last two sheets of every network."""
    sheets = run / "sheets"
    curves = sorted(sheets.glob("*-curves.png"))
    rest = [sorted(sheets.glob(f"{name}-[0-9]*.png"))[-2:] for name in NETWORKS]
    return [*curves, *(path for group in rest for path in group)]


def unpack(packed: Path, run: Path) -> None:
    """Lay a packed run out again, unless there is a run already."""
    if (run / "train.toml").exists():
        return
    if not (packed / NOTES).exists():
        raise ConfigError(f"{packed} holds no packed run.")
    run.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(packed / NOTES) as archive:
        archive.extractall(run)
    for name in NETWORKS:
        if (packed / f"{name}.pt").exists():
            shutil.copyfile(packed / f"{name}.pt", run / f"{name}.pt")


def _half(value: Any) -> Any:
    """The same containers with float32 tensors in half precision."""
    if isinstance(value, dict):
        return {key: _half(item) for key, item in value.items()}
    if isinstance(value, Tensor) and value.dtype == torch.float32:
        return value.half()
    return value
