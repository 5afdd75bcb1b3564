"""`phosphene dream`: endless video, with or without a song."""

from __future__ import annotations

import argparse
from pathlib import Path

from phosphene.commands.form import Commands, command
from phosphene.commands.settings import add_settings, read_settings


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "dream",
        "Video that goes on from its own last picture, as long as you like.",
        '  phosphene dream -o dream.mp4 --seconds 600 --prompt "violet nebula"\n'
        '  phosphene dream -o d.mp4 --seconds 30 --prompt nebula --prompt "@10 crimson kaleidoscope"\n'
        "  phosphene dream -o d.mp4 --seconds 60 --song song.mp3\n",
    )
    parser.add_argument(
        "-o", "--output", default="dream.mp4", metavar="OUT", help="default dream.mp4"
    )
    parser.add_argument(
        "--seconds", type=float, default=60.0, metavar="N", help="length (default 60)"
    )
    parser.add_argument(
        "--song", metavar="S", help="react to this song, and put its sound under it"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the last finished segment"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    add_settings(parser, many_prompts=True)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from phosphene.show.dream import dream, set_prompts
    from phosphene.show.render import RenderOptions
    from phosphene.show.settings import parse_size
    from phosphene.text import legible
    from phosphene.video.project import FINISHED, is_finished

    prompts, args.prompt = [legible(text) for text in args.prompt or []], None
    config = read_settings(args)
    set_prompts(config, prompts, args.seconds)
    options = RenderOptions(
        size=parse_size(args.size) if args.size else None,
        resume=args.resume,
        overwrite=args.overwrite,
    )
    if options.resume and is_finished(Path(args.output)):
        print(FINISHED.format(args.output))
        return 0
    print(dream(args.output, args.seconds, config, options, song=args.song).describe())
    return 0
