"""`phosphene bench`: how fast this machine is."""

from __future__ import annotations

import argparse

from phosphene.commands.form import Commands, command
from phosphene.commands.settings import add_settings, read_settings
from phosphene.errors import InputError


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "bench",
        "Measure this machine.",
        "  phosphene bench stream\n  phosphene bench stream --frames 2000 --json bench.json\n",
    )
    parser.add_argument(
        "what", choices=["stream"], help="stream: cue to finished frame, one by one"
    )
    parser.add_argument("--frames", type=int, default=300, metavar="N", help="frames (default 300)")
    parser.add_argument("--json", metavar="F", help="write the figures")
    add_settings(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from phosphene.show.bench import bench_stream
    from phosphene.show.settings import parse_size

    if args.frames < 1:
        raise InputError(f"--frames must be at least 1, not {args.frames}.")
    size = parse_size(args.size) if args.size else None
    print(bench_stream(read_settings(args), args.frames, size, args.json))
    return 0
