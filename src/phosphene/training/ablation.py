"""The eight networks of the ablation table: history augmentation, unrolling and memory, each on or off."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path

from phosphene.training import piece
from phosphene.training.config import TrainConfig
from phosphene.training.publish import publish

SWITCHES = ("augmentation", "unroll", "memory")
TABLE = "ablation.json"


def variant(cfg: TrainConfig, augmentation: bool, unroll: bool, memory: bool) -> TrainConfig:
    """The same training with some of its means against drift left out; the time stays the same."""
    out = cfg.model_copy(deep=True)
    # the table looks at coarse fields
    out.sharpen.minutes = 0.0
    if not augmentation:
        out.corruption.clean = 1.0
    if not memory:
        out.memory_on = False
    if not unroll:
        out.unroll_on = False
    return out


def train_ablation(out: Path, cfg: TrainConfig, minutes: float | None = None) -> bool:
    """Train all eight; True when the last is done and exported.

    Each lies in a folder of `out` with its networks in `weights`; `ablation.json` says which is which.
    """
    deadline = time.monotonic() + 60 * (minutes if minutes is not None else 1e6)
    out.mkdir(parents=True, exist_ok=True)
    table = {
        "-".join(n if on else f"no-{n}" for n, on in zip(SWITCHES, chosen, strict=True)): chosen
        for chosen in itertools.product((True, False), repeat=3)
    }
    told = {name: dict(zip(SWITCHES, chosen, strict=True)) for name, chosen in table.items()}
    (out / TABLE).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    for name, chosen in table.items():
        folder = out / name
        if (folder / "weights" / "manifest.json").exists():
            continue
        left = (deadline - time.monotonic()) / 60
        if left <= 0 or not piece.train(folder, variant(cfg, *chosen), left):
            return False
        publish(folder, folder / "weights")
    return True
