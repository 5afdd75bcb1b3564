"""One piece of a training: goes through the stages, leaves what is done alone, stops in time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from phosphene.diffusion.lsd.nets import LsdNets
from phosphene.diffusion.lsd.pipeline import halve
from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.errors import ConfigError
from phosphene.training import runtime
from phosphene.training.clips import Drawn, drawings, drawn_stills
from phosphene.training.config import DecoderSettings, TrainConfig
from phosphene.training.folder import folder_clips
from phosphene.training.nets.codec import Decoder, LargeDecoder
from phosphene.training.nets.lsd import LSD
from phosphene.training.pool import Clips, gather_clips, gather_frames, until
from phosphene.training.stage import finished, run_stage
from phosphene.training.streaming import denoiser_graph, export_stream
from phosphene.training.train_codec import CodecStage, load_codec
from phosphene.training.train_decoder import DecoderStage
from phosphene.training.train_flow import FlowStage, load_lsd
from phosphene.training.train_unroll import UnrollStage
from phosphene.training.wear import Worn, joined, wear

CONFIG = "train.toml"
FRAMES_SHARE = 0.5
"""of the render budget, for the codec's pictures"""


def train(out: Path, cfg: TrainConfig, minutes: float | None = None) -> bool:
    """Train for at most `minutes`, going on where the run in `out` stands; True when all stages are done.

    Raises :class:`~phosphene.errors.ConfigError` if `out` holds a run with other settings.
    """
    deadline = time.monotonic() + 60 * (minutes if minutes is not None else 1e6)
    _claim(out, cfg)
    device = runtime.pick_device(cfg.device)
    print(f"training on {describe(device)}", flush=True)
    if not finished(out, "codec", cfg.codec.minutes):
        seconds = 60 * cfg.data.render_minutes * FRAMES_SHARE
        batches = until(_batches(cfg, out, "codec", device), cfg.data.clips // 2, seconds)
        frames = gather_frames(batches, cfg.codec.leaves, cfg.seed, device)
        print(f"{len(frames)} pictures for the codec", flush=True)
        stage = CodecStage(cfg.codec, frames, device)
        # what comes next begins in the next piece, if the time is up
        if not run_stage(stage, out, deadline, cfg.device) or time.monotonic() >= deadline:
            return False
    todo = [
        name
        for name, stage_minutes in (("flow", cfg.flow.minutes), ("unroll", cfg.unroll.minutes))
        if not finished(out, name, stage_minutes)
    ]
    if todo and not _train_lsd(out, cfg, deadline, device):
        return False
    if all(finished(out, name, settings.minutes) for name, _, settings in decoders(cfg)):
        return True
    # a piece whose time went into the stage before leaves this one to the next
    late = bool(todo) and time.monotonic() >= deadline
    return not late and _train_decoders(out, cfg, deadline, device)


def decoders(
    cfg: TrainConfig,
) -> tuple[tuple[str, type[Decoder | LargeDecoder], DecoderSettings], ...]:
    """The last stages: name, network and settings of each."""
    return ("large", LargeDecoder, cfg.large), ("small", Decoder, cfg.small)


def _train_decoders(out: Path, cfg: TrainConfig, deadline: float, device: torch.device) -> bool:
    codec = load_codec(out / "codec.pt", device)
    seen = _worn_stills(out, cfg, deadline, device)
    print(f"{len(seen)} large pictures", flush=True)
    for name, kind, settings in decoders(cfg):
        if finished(out, name, settings.minutes):
            continue
        own = seen if kind is LargeDecoder else replace(seen, pictures=halve(seen.pictures))
        stage = DecoderStage(name, kind, settings, own, codec, device)
        if not run_stage(stage, out, deadline, cfg.device):
            return False
    return True


def _worn_stills(out: Path, cfg: TrainConfig, deadline: float, device: torch.device) -> Worn:
    """New pictures, with what the networks of the run as they stand make of their latents."""
    seconds = min(60 * cfg.data.render_minutes, 0.4 * max(5.0, deadline - time.monotonic()))
    number = _next_piece(out)
    stills = drawn_stills(cfg.data, f"train-decoders-{number}", cfg.seed, device)
    text = TextEncoder()
    batches = (
        (still.pictures.cpu().numpy(), np.stack([text.encode(c) for c in still.captions])[:, None])
        for still in stills
    )
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder)
        denoiser = denoiser_graph(out, cfg, text.dim)
        export_stream(out, denoiser, weights)
        drawn = wear(batches, LsdNets(weights=weights), denoiser is not None, cfg.seed + number)
        return joined(list(until(drawn, cfg.data.stills, seconds)))


def _train_lsd(out: Path, cfg: TrainConfig, deadline: float, device: torch.device) -> bool:
    codec = load_codec(out / "codec.pt", device)
    clips = _clips(out, cfg, deadline, device)
    if not finished(out, "flow", cfg.flow.minutes) and not run_stage(
        FlowStage(cfg, clips, codec, device), out, deadline, cfg.device
    ):
        return False
    if finished(out, "unroll", cfg.unroll.minutes):
        return True
    if time.monotonic() >= deadline:
        return False
    start: LSD = load_lsd(out / "flow.pt", cfg, clips.text.shape[-1], device)
    stage = UnrollStage(cfg, clips, codec, start, device)
    return run_stage(stage, out, deadline, cfg.device)


def _clips(out: Path, cfg: TrainConfig, deadline: float, device: torch.device) -> Clips:
    left = max(5.0, 0.4 * (deadline - time.monotonic()))
    seconds = min(60 * cfg.data.render_minutes, left)
    started = time.monotonic()
    batches = until(_batches(cfg, out, "lsd", device), cfg.data.clips, seconds)
    clips = gather_clips(
        batches, load_codec(out / "codec.pt", device).encoder, TextEncoder(), device
    )
    took = time.monotonic() - started
    print(f"{len(clips)} clips of {clips.frames} frames, drawn in {took:.0f} s", flush=True)
    return clips


def _batches(cfg: TrainConfig, out: Path, purpose: str, device: torch.device) -> Iterator[Drawn]:
    """Drawn clips, mixed with the user's own if there is a folder; every piece draws new ones."""
    piece = _next_piece(out)
    made = drawings(cfg.data, f"train-{purpose}-{piece}", cfg.seed, device)
    if not cfg.data.folder:
        return made
    own = folder_clips(cfg.data, cfg.seed + piece)
    return _mixed(made, own, cfg.data.folder_share)


def _next_piece(out: Path) -> int:
    """A number that no earlier drawing of the run has had."""
    pieces = out / "pieces.txt"
    piece = int(pieces.read_text(encoding="utf-8")) if pieces.exists() else 0
    pieces.write_text(f"{piece + 1}\n", encoding="utf-8")
    return piece


def _mixed(made: Iterator[Drawn], own: Iterator[Drawn], share: float) -> Iterator[Drawn]:
    balance = 0.0
    while True:
        balance += share
        if balance >= 1:
            balance -= 1
            yield next(own)
        else:
            yield next(made)


def _claim(out: Path, cfg: TrainConfig) -> None:
    """Make the run's folder, or check that it is the same run."""
    path = out / CONFIG
    if path.exists():
        before = TrainConfig.from_toml(path)
        same = before.model_copy(update={"device": cfg.device, "compile": cfg.compile}) == cfg
        if not same:
            raise ConfigError(
                f"{out} holds a run with other settings: go on with --config {path}, or take another folder."
            )
        return
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(cfg.dumps_toml(), encoding="utf-8")


def describe(device: torch.device) -> str:
    """The machine that trains, in words."""
    import os
    import platform

    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    kind = platform.processor() or platform.machine()
    return f"{kind} {device.type}, {os.cpu_count()} cores, torch {torch.__version__}"
