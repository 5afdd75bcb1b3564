"""Export a trained run and write down what it is: networks, manifest, checksums, model card."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from phosphene.diffusion.lsd.manifest import FORMAT
from phosphene.diffusion.lsd.modules.lsd import LSD
from phosphene.diffusion.lsd.modules.sharpener import SCALE, Sharpener, SharpenerConfig
from phosphene.diffusion.lsd.networks import DENOISER, SHARPENER
from phosphene.diffusion.lsd.text import DEFAULT_TABLE, TextEncoder
from phosphene.errors import ConfigError
from phosphene.training import runtime
from phosphene.training.card import model_card
from phosphene.training.config import TrainConfig
from phosphene.training.export import export, lsd_graph, sharpener_graph
from phosphene.training.pack import NETWORKS
from phosphene.training.piece import CONFIG
from phosphene.training.start import READER, Weights, keep_reader, shipped
from phosphene.training.train_flow import load_lsd
from phosphene.training.train_sharpen import load_sharpener

FILES = (DENOISER, SHARPENER, READER, "text.npz")
JUDGE = ("judge.onnx", "judge.json")
HISTORY_NOISE = 0.05
"""how much a stream tells the model to distrust its last outputs, which are never quite clean"""


def publish(run: Path, weights: Path, started_from: Path | None = None) -> str:
    """Write everything the package needs to `weights`; returns a line for people.

    A network that the run has not trained is taken from ``started_from``, the folder it started from.
    Raises :class:`~phosphene.errors.ConfigError` for a run without a denoiser.
    """
    weights.mkdir(parents=True, exist_ok=True)
    cfg = TrainConfig.from_toml(run / CONFIG)
    if weights / "text.npz" != DEFAULT_TABLE:
        shutil.copyfile(DEFAULT_TABLE, weights / "text.npz")
    text = TextEncoder(weights / "text.npz")
    parity = {
        "denoiser": export(lsd_graph(_denoiser(run, cfg, text.dim)), weights / DENOISER),
        "sharpener": export(
            sharpener_graph(_sharpener(run, cfg, started_from)), weights / SHARPENER
        ),
    }
    keep_reader(_reader(run, started_from), weights)
    manifest = {
        "format": FORMAT,
        "command": f"phosphene train --out DIR --config {CONFIG}",
        "latent": {
            "planes": ["place in the palette", "light"],
            "range": [-1, 1],
            "side": cfg.data.size,
        },
        "sharpener": {"scale": SCALE},
        "flow": "x_t = (1 - t) field + t noise; velocity = noise - field; t in [0, 1]",
        "inference": {"history_noise": HISTORY_NOISE, "share": cfg.share},
        "stages": {name: _stage(run, name) for name in NETWORKS},
        "parity_with_torch": parity,
        "training": cfg.model_dump(mode="json"),
    }
    write(weights, manifest, _figures(run))
    total = sum((weights / name).stat().st_size for name in _present(weights)) / 1e6
    return f"{weights}: {total:.1f} MB; difference from torch {parity}"


def _denoiser(run: Path, cfg: TrainConfig, text: int) -> LSD:
    """LSD as its last stage left it."""
    for stage in ("unroll", "flow"):
        if (run / f"{stage}.pt").exists():
            return load_lsd(run / f"{stage}.pt", cfg, text, torch.device("cpu"))
    raise ConfigError(f"{run} holds no trained run yet.")


def _reader(run: Path, started_from: Path | None) -> Weights:
    """What reads plans, as the flow stage left it, else that of the folder the run started from."""
    if (run / "flow.pt").exists() or started_from is None:
        state = runtime.load(run / "flow.pt", torch.device("cpu"))
        reader: Weights = state["stage"]["reader"]
        return reader
    return shipped(started_from).reader


def _sharpener(run: Path, cfg: TrainConfig, started_from: Path | None) -> Sharpener:
    """The run's, else that of the folder it started from, else plain cubic interpolation."""
    if (run / "sharpen.pt").exists():
        return load_sharpener(run / "sharpen.pt", cfg.sharpen, torch.device("cpu"))
    net = Sharpener(SharpenerConfig(width=cfg.sharpen.width, blocks=cfg.sharpen.blocks))
    if started_from is not None:
        net.load_state_dict(shipped(started_from).sharpener)
    return net.eval().requires_grad_(False)


def write(weights: Path, manifest: dict[str, Any], figures: dict[str, Any]) -> None:
    """manifest.json with sizes and checksums of the files that ship, and the card."""
    files = {name: describe(weights / name) for name in _present(weights)}
    whole = json.dumps({**manifest, "files": files}, indent=2, default=_plain) + "\n"
    (weights / "manifest.json").write_text(whole, encoding="utf-8")
    (weights / "MODEL_CARD.md").write_text(model_card(manifest, figures), encoding="utf-8")


def _present(weights: Path) -> list[str]:
    return [name for name in (*FILES, *JUDGE) if (weights / name).exists()]


def _stage(run: Path, name: str) -> dict[str, Any]:
    path = run / f"{name}.json"
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return told


def _figures(run: Path) -> dict[str, Any]:
    """Measurements that were put beside the run: `bench drift --json`, `bench quality --json`."""
    return {
        name: json.loads((run / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("drift", "quality")
        if (run / f"{name}.json").exists()
    }


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else str(value)


def describe(path: Path) -> dict[str, Any]:
    """Size in bytes and sha256."""
    data = path.read_bytes()
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
