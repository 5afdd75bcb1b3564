"""`phosphene batch`: a catalogue of songs and videos, on as many machines as there are."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from phosphene.commands.form import Commands, command
from phosphene.commands.settings import add_settings, read_settings
from phosphene.errors import InputError


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "batch",
        "Many songs and videos on one machine or a Ray cluster; run it again and it goes on.",
        '  phosphene batch songs/ -o videos/ --prompt "teal ocean waves"\n'
        "  phosphene batch 'album/*.flac' clips/*.mp4 -o videos/ --cluster local\n"
        "  phosphene batch catalogue.csv -o videos/ --cluster ray://10.0.0.5:10001\n",
    )
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="IN",
        help="song, video, folder, quoted pattern, or manifest (.csv, .jsonl) with settings per line",
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="DIR", help="folder for the videos"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing videos")
    parser.add_argument(
        "--report", metavar="F.json", help="what became of each (default: in the folder)"
    )
    group = parser.add_argument_group("machines")
    group.add_argument(
        "--cluster",
        default="auto",
        metavar="C",
        help="local, ray://HOST:PORT, HOST:PORT, or auto (default): a cluster that this machine belongs to,"
        " else local",
    )
    group.add_argument(
        "--workers", type=int, metavar="N", help="how many (default: as many as fit)"
    )
    group.add_argument(
        "--cpus-per-worker", type=float, metavar="X", help="default 1 for the built-in model"
    )
    group.add_argument(
        "--gpus-per-worker",
        type=float,
        default=1.0,
        metavar="X",
        help="default 1; 0.5 lets two workers share a GPU",
    )
    group.add_argument(
        "--segment-seconds",
        type=float,
        metavar="S",
        help="a lost worker costs at most this much (default: video.segment_seconds, 4)",
    )
    group.add_argument(
        "--warm-up",
        type=float,
        metavar="S",
        help="draw a song's segments side by side, each begun S seconds early, in place of one after"
        " another; for fewer songs than workers",
    )
    add_settings(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from phosphene.cluster.connect import Asked
    from phosphene.cluster.items import Catalogue
    from phosphene.cluster.run import BatchOptions, run_batch
    from phosphene.config import PipelineConfig
    from phosphene.show.settings import parse_size

    if args.workers is not None and args.workers < 1:
        raise InputError(f"--workers must be at least 1, not {args.workers}.")
    if args.cpus_per_worker is not None and args.cpus_per_worker <= 0:
        raise InputError(f"--cpus-per-worker must be more than 0, not {args.cpus_per_worker:g}.")
    if args.gpus_per_worker <= 0:
        raise InputError(f"--gpus-per-worker must be more than 0, not {args.gpus_per_worker:g}.")
    if args.warm_up is not None and not 0 <= args.warm_up <= 600:
        raise InputError(f"--warm-up must be 0 to 600 seconds, not {args.warm_up:g}.")
    config = read_settings(args)
    if args.segment_seconds is not None:
        given = {"video": {"segment_seconds": args.segment_seconds}}
        config = PipelineConfig.from_dict(given, base=config)
    folder = Path(args.output)
    size = parse_size(args.size) if args.size else None
    items = Catalogue(folder, config, size, args.warm_up).items(args.inputs)
    options = BatchOptions(
        folder=folder,
        cluster=args.cluster,
        asked=Asked(args.workers, args.cpus_per_worker, args.gpus_per_worker),
        overwrite=args.overwrite,
        report=Path(args.report) if args.report else None,
    )
    try:
        report = run_batch(items, config, options)
    except KeyboardInterrupt:
        print("phosphene: interrupted. Run the same command again to go on.", file=sys.stderr)
        return 130
    print(report.describe())
    return 0 if report.count("made") + report.count("kept") == len(report.items) else 2
