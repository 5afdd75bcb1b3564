"""Export a trained run and write down what it is: networks, manifest, checksums, model card."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from phosphene.diffusion.lsd.judge import Judge
from phosphene.diffusion.lsd.loops import FILM
from phosphene.diffusion.lsd.nets import LsdNets
from phosphene.diffusion.lsd.networks import LARGE
from phosphene.diffusion.lsd.seeds import SeedBank
from phosphene.diffusion.lsd.text import DEFAULT_TABLE, TextEncoder
from phosphene.training import calibrate
from phosphene.training.card import model_card
from phosphene.training.clips import family_names
from phosphene.training.config import TrainConfig
from phosphene.training.export import decoder_graph, export
from phosphene.training.loops import Choice, Clarity
from phosphene.training.nets.codec import Decoder, LargeDecoder
from phosphene.training.pack import NETWORKS
from phosphene.training.piece import CONFIG
from phosphene.training.quantise import export_int8, psnr_between, quantise
from phosphene.training.render import FAMILIES
from phosphene.training.seeds import SHAPES, make_seeds
from phosphene.training.streaming import denoiser_graph, export_stream
from phosphene.training.train_codec import load_codec
from phosphene.training.train_decoder import load_decoder

FILES = ("encoder.onnx", "denoiser.onnx", "decoder.onnx", LARGE, "text.npz", "seeds.npz", FILM)
JUDGE = ("judge.onnx", "judge.json")
LOSS = 0.05
"""of clarity for every grey level that the codec is off: what is too fine for it comes out as specks"""
INFERENCE = {"history_noise": 0.05}
"""how much a stream tells the model to distrust its last outputs, which are never quite clean"""


def publish(run: Path, weights: Path) -> str:
    """Write everything the package needs to `weights`; returns a few lines for people.

    Encoder and decoders ship in 8 bits, the rest as float16 weights for float32 arithmetic; the other forms
    lie in `weights/other`, with their differences in the manifest.
    """
    cpu = torch.device("cpu")
    other = weights / "other"
    other.mkdir(parents=True, exist_ok=True)
    cfg = TrainConfig.from_toml(run / CONFIG)
    shutil.copyfile(DEFAULT_TABLE, weights / "text.npz")
    text = TextEncoder(weights / "text.npz")
    denoiser = denoiser_graph(run, cfg, text.dim)
    parity = export_stream(run, denoiser, weights)
    small = decoder_graph(_small_decoder(run, cpu))
    parity["decoder"] = export(small, other / "decoder-float.onnx")
    nets = LsdNets(1, weights)
    make_seeds(text, weights / "seeds.npz", family_names(cfg.data), cfg.data.size)
    frames = calibrate.seed_pictures(SeedBank(weights / "seeds.npz"), 48)
    latents = nets.encode(frames)
    seen = [{"frames": frame[None]} for frame in frames]
    shutil.move(weights / "encoder.onnx", other / "encoder-float.onnx")
    quantise(other / "encoder-float.onnx", seen[:32], weights / "encoder.onnx")
    drawn = latents if denoiser is None else calibrate.drawn_latents(nets, latents)
    pictures = [{"latent": latent[None]} for latent in drawn]
    export_int8(small, pictures[:32], weights / "decoder.onnx")
    eight_bits = {
        "encoder_relative_error": calibrate.relative_error(
            other / "encoder-float.onnx", weights / "encoder.onnx", seen[32:]
        ),
        "decoder_psnr_db": psnr_between(
            other / "decoder-float.onnx", weights / "decoder.onnx", pictures[32:]
        ),
    }
    if (run / "large.pt").exists():
        large = decoder_graph(load_decoder(run / "large.pt", LargeDecoder, cpu))
        parity["large decoder"] = export(large, other / "decoder-large-float.onnx")
        export_int8(large, pictures[:32], weights / LARGE)
        eight_bits["large_decoder_psnr_db"] = psnr_between(
            other / "decoder-large-float.onnx", weights / LARGE, pictures[32:]
        )
    if denoiser is not None:
        feeds = calibrate.stream_feeds(weights / "denoiser.onnx", latents, text)
        export_int8(denoiser, feeds[:48], other / "denoiser-int8.onnx")
        eight_bits["denoiser_relative_error"] = calibrate.relative_error(
            weights / "denoiser.onnx", other / "denoiser-int8.onnx", feeds[48:]
        )
    manifest = {
        "format": 2,
        "command": f"phosphene train --out DIR --config {CONFIG}",
        "latent": {"channels": 8, "factor": 8, "picture_multiple": 16, "reach": 4.5},
        "flow": "x_t = (1 - t) picture + t noise; velocity = noise - picture; t in [0, 1]",
        "inference": INFERENCE,
        "stages": {name: _stage(run, name) for name in NETWORKS},
        "parity_with_torch": parity,
        "eight_bits": eight_bits,
        "training": cfg.model_dump(mode="json"),
    }
    _write(weights, manifest)
    (weights / "MODEL_CARD.md").write_text(model_card(manifest, _figures(run)), encoding="utf-8")
    total = sum((weights / name).stat().st_size for name in _present(weights)) / 1e6
    return f"{weights}: {total:.1f} MB; difference from torch {parity}; in 8 bits {eight_bits}"


def _small_decoder(run: Path, device: torch.device) -> Decoder:
    """The codec's own before it is trained on streams."""
    if (run / "small.pt").exists():
        return load_decoder(run / "small.pt", Decoder, device)
    return load_codec(run / "codec.pt", device).decoder


def redraw_seeds(
    weights: Path,
    families: Sequence[str] = tuple(FAMILIES),
    size: int = 256,
    judge: Path | None = None,
) -> str:
    """Draw the loops of each family anew, for the networks in ``weights``.

    So the renderer of today and its words serve networks that were trained before. With the folder of a
    ``judge``, clear ones that differ are kept of many, as the networks draw them. Returns a line.
    """
    nets, text = LsdNets(1, weights), TextEncoder(weights / "text.npz")
    choice = None
    path = weights / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    told: dict[str, Any] = {"families": len(families), "shapes": SHAPES}
    if judge is not None:
        choice = Choice(_clarity(Judge(judge), nets))
        told |= {"candidates": choice.candidates, "chosen_by": f"the judge in {judge.name}"}
    make_seeds(text, weights / "seeds.npz", families, size, choice)
    manifest["remembered"] = told
    for name in ("seeds.npz", FILM):
        manifest["files"][name] = describe(weights / name)
    path.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return f"{len(families)} families, {manifest['files'][FILM]['bytes'] / 1e6:.1f} MB"


def _clarity(judge: Judge, nets: LsdNets) -> Clarity:
    """How surely a judge knows pictures as the networks draw them, less what the networks lose of them."""

    def clarity(family: str, seen: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        drawn = nets.decode(nets.encode(seen))
        gap = drawn.astype(np.float32) - seen
        lost = np.sqrt((gap * gap).mean(axis=(1, 2, 3)))
        return np.asarray(judge.clarity(family, drawn) - LOSS * lost, np.float32)

    return clarity


def _write(weights: Path, manifest: dict[str, Any]) -> None:
    """manifest.json with sizes and checksums of the files that ship."""
    files = {name: describe(weights / name) for name in _present(weights)}
    whole = json.dumps({**manifest, "files": files}, indent=2, default=_plain) + "\n"
    (weights / "manifest.json").write_text(whole, encoding="utf-8")


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
