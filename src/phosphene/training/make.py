"""The stages of training in order; each skips what is already there."""

from __future__ import annotations

import json
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from phosphene.training import parallel, runtime
from phosphene.training.autoencoder import AutoencoderConfig
from phosphene.training.dataset import DataConfig, Shard, find_shards, render_shard
from phosphene.training.flow import FlowConfig
from phosphene.training.latents import encode_shard
from phosphene.training.publish import publish
from phosphene.training.text_table import bake
from phosphene.training.train_autoencoder import (
    AutoencoderTraining,
    load_autoencoder,
    train_autoencoder,
)
from phosphene.training.train_denoiser import DenoiserTraining, train_denoiser
from phosphene.training.unet import UNetConfig


@dataclass(frozen=True)
class Recipe:
    """What `make` needs to know."""

    minutes_autoencoder: float = 25.0
    minutes_denoiser: float = 65.0
    shards: int = 24
    batch: int = 32
    workers: int = 1
    seed: int = 0
    device: str = "auto"


def make(out: Path, recipe: Recipe) -> None:
    """Render, train, encode, train, export into `out`; the ONNX files land in `out/weights`."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2), encoding="utf-8")
    device = runtime.pick_device(recipe.device)
    workers = recipe.workers if device.type == "cpu" else 1
    data = out / "data"
    cfg = DataConfig(shards=recipe.shards, seed=recipe.seed)
    parallel.launch(_render, workers, cfg, data, device)
    parallel.launch(
        train_autoencoder,
        workers,
        data,
        out,
        AutoencoderTraining(minutes=recipe.minutes_autoencoder, seed=recipe.seed),
        AutoencoderConfig(),
        device,
    )
    parallel.launch(_encode, workers, data, out, device)
    if not (out / "text.npz").exists():
        bake(out / "text.npz")
    parallel.launch(
        train_denoiser,
        workers,
        data,
        out,
        DenoiserTraining(minutes=recipe.minutes_denoiser, batch=recipe.batch, seed=recipe.seed),
        UNetConfig(),
        FlowConfig(),
        device,
    )
    publish(
        out,
        out / "weights",
        {"recipe": asdict(recipe), "data": asdict(cfg), "hardware": platform.processor()},
    )
    print(f"done: {out / 'weights'}", flush=True)


def _render(cfg: DataConfig, data: Path, device: torch.device) -> None:
    start = time.monotonic()
    for index, variant in cfg.jobs()[parallel.rank() :: parallel.workers()]:
        path = render_shard(cfg, Shard(data, index, variant), device)
        print(f"render {path.name} {time.monotonic() - start:.0f}s", flush=True)


def _encode(data: Path, out: Path, device: torch.device) -> None:
    model = load_autoencoder(out / "autoencoder.pt", device)
    for shard in find_shards(data)[parallel.rank() :: parallel.workers()]:
        print(f"latents {encode_shard(model, shard, device).name}", flush=True)
