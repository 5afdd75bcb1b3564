"""The networks of a run that a stream needs, as ONNX."""

from __future__ import annotations

from pathlib import Path

import torch

from phosphene.training.config import TrainConfig
from phosphene.training.export import Graph, encoder_graph, export, lsd_graph
from phosphene.training.train_codec import load_codec
from phosphene.training.train_flow import load_lsd


def denoiser_graph(run: Path, cfg: TrainConfig, text: int) -> Graph | None:
    """LSD as its last stage left it, None before there is any; ``text`` is a prompt vector's length."""
    for stage in ("unroll", "flow"):
        if (run / f"{stage}.pt").exists():
            return lsd_graph(load_lsd(run / f"{stage}.pt", cfg, text, torch.device("cpu")))
    return None


def export_stream(run: Path, denoiser: Graph | None, weights: Path) -> dict[str, float]:
    """Write encoder.onnx, and denoiser.onnx if there is one; returns their differences from torch."""
    encoder = encoder_graph(load_codec(run / "codec.pt", torch.device("cpu")).encoder)
    parity = {"encoder": export(encoder, weights / "encoder.onnx")}
    if denoiser is not None:
        parity["denoiser"] = export(denoiser, weights / "denoiser.onnx")
    return parity
