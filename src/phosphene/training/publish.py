"""Export a trained run and write down what it is: manifest, checksums, figures."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import torch

from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.training import runtime
from phosphene.training.export import export_decoder, export_denoiser, export_encoder
from phosphene.training.seeds import make_seeds
from phosphene.training.train_autoencoder import load_autoencoder
from phosphene.training.train_denoiser import load_denoiser

FILES = ("encoder.onnx", "denoiser.onnx", "decoder.onnx", "text.npz", "seeds.npz")


def publish(run: Path, weights: Path, facts: dict[str, Any]) -> None:
    """Write the ONNX files, text table, starting pictures and manifest.json of a run to `weights`."""
    cpu = torch.device("cpu")
    weights.mkdir(parents=True, exist_ok=True)
    codec = load_autoencoder(run / "autoencoder.pt", cpu)
    parity = {
        "encoder": export_encoder(codec.encoder, weights / "encoder.onnx"),
        "decoder": export_decoder(codec.decoder, weights / "decoder.onnx"),
        "denoiser": export_denoiser(
            load_denoiser(run / "denoiser.pt", cpu), weights / "denoiser.onnx"
        ),
    }
    shutil.copyfile(run / "text.npz", weights / "text.npz")
    make_seeds(codec, TextEncoder(weights / "text.npz"), weights / "seeds.npz")
    autoencoder = runtime.load(run / "autoencoder.pt", cpu)
    denoiser = runtime.load(run / "denoiser.pt", cpu)
    manifest = {
        "command": "python -m phosphene.training --out DIR",
        "latent": {
            "channels": 8,
            "factor": 8,
            "picture_multiple": 16,
            "mean": 0.0,
            "deviation": 1.0,
        },
        "flow": "x_t = (1 - t) picture + t noise; velocity = noise - picture; t in [0, 1]",
        "autoencoder": _training_facts(autoencoder) | {"psnr_db": round(autoencoder["psnr"], 2)},
        "denoiser": _training_facts(denoiser)
        | {"loss": round(denoiser["loss"], 4), "clips": denoiser["clips"]},
        "parity_with_torch": parity,
        **facts,
        "files": {name: describe(weights / name) for name in FILES},
    }
    (weights / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _training_facts(state: dict[str, Any]) -> dict[str, Any]:
    return {
        "steps": state["step"],
        "minutes": round(state["spent_s"] / 60, 1),
        "config": state["config"],
    }


def describe(path: Path) -> dict[str, Any]:
    """Size in bytes and sha256."""
    data = path.read_bytes()
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
