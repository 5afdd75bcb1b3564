"""`phosphene demo`: something to see without a song."""

from __future__ import annotations

import argparse
from pathlib import Path

from phosphene.commands.form import Commands, command
from phosphene.commands.settings import add_settings, read_settings


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "demo",
        "Compose a short piece and render it.",
        "  phosphene demo\n  phosphene demo -o neon.mp4 --prompt 'neon pink tunnel' --seed 7\n",
    )
    parser.add_argument(
        "-o", "--output", default="demo.mp4", metavar="OUT", help="default demo.mp4"
    )
    parser.add_argument(
        "--seconds", type=float, default=15.0, metavar="S", help="length (default 15)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    add_settings(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from phosphene.show.demo import demo
    from phosphene.show.settings import parse_size

    size = parse_size(args.size) if args.size else None
    print(demo(Path(args.output), args.seconds, read_settings(args), size, args.overwrite))
    return 0
