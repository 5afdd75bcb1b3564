"""`python -m phosphene.training`: make the built-in model from nothing."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from phosphene.training.make import Recipe, make


def main() -> None:
    """Parse the command line and run every stage."""
    parser = argparse.ArgumentParser(
        prog="python -m phosphene.training",
        description="Train the built-in model: render -> autoencoder -> latents -> denoiser -> export. "
        "Stages that are done are skipped, so a stopped run goes on where it was with --resume.",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for data, checkpoints, sheets, ONNX files"
    )
    parser.add_argument(
        "--minutes-autoencoder", type=float, default=25.0, help="training time (default 25)"
    )
    parser.add_argument(
        "--minutes-denoiser", type=float, default=65.0, help="training time (default 65)"
    )
    parser.add_argument(
        "--shards",
        type=int,
        default=24,
        help="rendered shards of 492 clips, 290 MB each (default 24)",
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument(
        "--batch", type=int, default=32, help="denoiser batch; raise it on a GPU (default 32)"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        help="training processes on a CPU (default: its cores)",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on in a folder that holds a run")
    args = parser.parse_args()
    if not args.resume and (args.out / "recipe.json").exists():
        parser.error(f"{args.out} holds a run: give --resume to go on, or another folder")
    make(
        args.out,
        Recipe(
            minutes_autoencoder=args.minutes_autoencoder,
            minutes_denoiser=args.minutes_denoiser,
            shards=args.shards,
            batch=args.batch,
            workers=args.workers,
            seed=args.seed,
            device=args.device,
        ),
    )


if __name__ == "__main__":
    main()
