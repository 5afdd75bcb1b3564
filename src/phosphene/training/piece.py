"""One piece of a training: goes through the stages, leaves what is done alone, stops in time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import torch

from phosphene.diffusion.lsd.modules.lsd import LSD
from phosphene.diffusion.lsd.motifs import Reader
from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.errors import ConfigError
from phosphene.training import runtime
from phosphene.training.clips import Drawn, drawings
from phosphene.training.config import TrainConfig
from phosphene.training.folder import folder_clips
from phosphene.training.pool import Clips, gather_clips, until
from phosphene.training.stage import finished, run_stage
from phosphene.training.start import Shipped, shipped
from phosphene.training.train_flow import FlowStage, load_lsd
from phosphene.training.train_sharpen import SharpenStage, gather_pairs
from phosphene.training.train_unroll import UnrollStage

CONFIG = "train.toml"
DRAWING = 0.4
"""of a piece's time goes to drawing its clips, at most"""
WIDE_SHARE = 0.2
"""of the drawing"""


def train(
    out: Path, cfg: TrainConfig, minutes: float | None = None, weights: Path | None = None
) -> bool:
    """Train for at most `minutes`, going on where the run in `out` stands; True when all stages are done.

    A stage that has not begun starts from the networks in the folder ``weights``, if one is named.
    Raises :class:`~phosphene.errors.ConfigError` if `out` holds a run with other settings, or the networks
    are of other sizes.
    """
    deadline = time.monotonic() + 60 * (minutes if minutes is not None else 1e6)
    start = None if weights is None else shipped(weights)
    _claim(out, cfg)
    device = runtime.pick_device(cfg.device)
    print(f"training on {describe(device)}", flush=True)
    todo = [
        name
        for name, stage_minutes in (("flow", cfg.flow.minutes), ("unroll", cfg.unroll.minutes))
        if not finished(out, name, stage_minutes)
    ]
    try:
        if todo and not _train_lsd(out, cfg, deadline, device, start):
            return False
        if finished(out, "sharpen", cfg.sharpen.minutes):
            return True
        # a piece whose time went into the stages before leaves this one to the next
        late = bool(todo) and time.monotonic() >= deadline
        return not late and _train_sharpener(out, cfg, deadline, device, start)
    except RuntimeError as error:
        if weights is not None and "size mismatch" in str(error):
            raise ConfigError(
                f"the networks in {weights} are of other sizes than the settings say."
            ) from error
        raise


def _train_lsd(
    out: Path, cfg: TrainConfig, deadline: float, device: torch.device, start: Shipped | None
) -> bool:
    clips, wide = _clips(out, cfg, deadline, device)
    if not finished(out, "flow", cfg.flow.minutes) and not run_stage(
        FlowStage(cfg, clips, wide, device, start), out, deadline, cfg.device
    ):
        return False
    if finished(out, "unroll", cfg.unroll.minutes):
        return True
    if time.monotonic() >= deadline:
        return False
    before: LSD = load_lsd(out / "flow.pt", cfg, clips.text.shape[-1], device)
    return run_stage(UnrollStage(cfg, clips, before, device), out, deadline, cfg.device)


def _clips(
    out: Path, cfg: TrainConfig, deadline: float, device: torch.device
) -> tuple[Clips, Clips | None]:
    """New clips, square and wide."""
    started, reader = time.monotonic(), Reader(TextEncoder())
    seconds = _drawing_seconds(cfg, deadline)
    square = until(_batches(cfg, out), cfg.data.clips, (1 - WIDE_SHARE) * seconds)
    clips = gather_clips(square, reader, device)
    wide = None
    if cfg.data.wide_clips and cfg.flow.wide > 0:
        drawn = drawings(cfg.data, f"train-wide-{_next_piece(out)}", cfg.seed, wide=True)
        wide = gather_clips(until(drawn, cfg.data.wide_clips, WIDE_SHARE * seconds), reader, device)
    took = time.monotonic() - started
    print(
        f"{len(clips)} clips of {clips.frames} frames, {len(wide) if wide else 0} wide ones,"
        f" drawn in {took:.0f} s",
        flush=True,
    )
    return clips, wide


def _train_sharpener(
    out: Path, cfg: TrainConfig, deadline: float, device: torch.device, start: Shipped | None
) -> bool:
    drawn = drawings(cfg.data, f"train-sharpen-{_next_piece(out)}", cfg.seed, fine=True)
    pairs = gather_pairs(until(drawn, cfg.sharpen.clips, _drawing_seconds(cfg, deadline)))
    print(f"{len(pairs[0])} fields at both sizes", flush=True)
    stage = SharpenStage(cfg.sharpen, pairs, device, start.sharpener if start else None)
    return run_stage(stage, out, deadline, cfg.device)


def _drawing_seconds(cfg: TrainConfig, deadline: float) -> float:
    return min(60 * cfg.data.render_minutes, DRAWING * max(5.0, deadline - time.monotonic()))


def _batches(cfg: TrainConfig, out: Path) -> Iterator[Drawn]:
    """Drawn clips, mixed with the user's own if there is a folder; every piece draws new ones."""
    piece = _next_piece(out)
    made = drawings(cfg.data, f"train-{piece}", cfg.seed)
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
