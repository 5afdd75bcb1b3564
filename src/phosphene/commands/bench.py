"""`phosphene bench`: how fast this machine is, how steady and how obedient the model's streams are."""

from __future__ import annotations

import argparse

from phosphene.commands.form import Commands, command
from phosphene.commands.settings import add_settings, read_settings
from phosphene.errors import InputError

FRAMES = {"stream": 300, "drift": 10_000}
SHORTEST = {"stream": 1, "drift": 120}


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "bench",
        "Measure this machine, and the model.",
        "  phosphene bench stream\n"
        "  phosphene bench stream --frames 2000 --json bench.json\n"
        "  phosphene bench drift --json drift.json --plot drift.png\n"
        "  phosphene bench quality --judge DIR --plot quality.png\n",
    )
    parser.add_argument(
        "what",
        choices=["stream", "drift", "quality"],
        help="stream: cue to finished frame, one by one; drift: does a stream that feeds on itself stay what"
        " it was; quality: do pictures show their prompts",
    )
    parser.add_argument(
        "--frames", type=int, metavar="N", help="frames (default: stream 300, drift 10000)"
    )
    parser.add_argument("--json", metavar="F", help="write the figures")
    parser.add_argument("--plot", metavar="F.png", help="drift, quality: draw them")
    parser.add_argument(
        "--ablation", metavar="DIR", help="drift: also the networks of `phosphene train --ablation`"
    )
    parser.add_argument(
        "--judge", metavar="DIR", help="quality: the classifier of `phosphene train --judge`"
    )
    parser.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="quality: pictures a pattern (default 3)"
    )
    add_settings(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from phosphene.show.settings import parse_size

    size = parse_size(args.size) if args.size else None
    if args.what == "quality":
        from phosphene.evaluation.quality import bench_quality

        config = read_settings(args)
        print(bench_quality(config, size, args.seeds, args.json, args.plot, args.judge))
        return 0
    frames = FRAMES[args.what] if args.frames is None else args.frames
    if frames < SHORTEST[args.what]:
        raise InputError(f"--frames must be at least {SHORTEST[args.what]}, not {frames}.")
    config = read_settings(args)
    if args.what == "drift":
        from phosphene.evaluation.drift_bench import bench_drift

        print(bench_drift(config, frames, size, args.json, args.plot, args.ablation))
        return 0
    from phosphene.evaluation.bench import bench_stream

    print(bench_stream(config, frames, size, args.json))
    return 0
