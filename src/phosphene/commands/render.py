"""`phosphene render`: songs in, videos out."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from phosphene.commands.form import Commands, command
from phosphene.commands.settings import add_settings, read_settings
from phosphene.errors import InputError

if TYPE_CHECKING:
    from phosphene.show.render import RenderOptions


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "render",
        "Song in, diffusion music video with that song's sound out.",
        '  phosphene render song.mp3 -o out.mp4 --prompt "teal ocean waves"\n'
        "  phosphene render song.mp3 --start 60 --duration 20 --preset quality\n"
        "  phosphene render song.mp3 --resume              go on after a kill\n"
        "  phosphene render song.mp3 --over clip.mp4       paint over a video, in time with the song\n"
        "  phosphene render song.mp3 --score show.score -o show.mp4 --size 1920x1080 --fps 60\n"
        "  phosphene render --set friday.set -o friday     a video for each song, with its cues\n",
    )
    parser.add_argument("songs", nargs="*", metavar="SONG", help="sound or video file")
    parser.add_argument(
        "--score",
        metavar="F.score",
        help="draw a recorded show again, with its own settings; SONG is what it played",
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="video file, or a folder for many songs"
    )
    parser.add_argument(
        "--over", metavar="VIDEO", help="draw over this video's pictures, to the song"
    )
    parser.add_argument(
        "--stems",
        metavar="DIR",
        help="drums drive the punch, bass the zoom, voices the prompts: DIR has drums.wav, bass.wav,"
        " vocals.wav (`auto`: taken apart here, see phosphene analyze --help)",
    )
    parser.add_argument(
        "--start", type=float, default=0.0, metavar="S", help="begin there, seconds"
    )
    parser.add_argument(
        "--duration", type=float, metavar="S", help="so long, seconds (default: to the end)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the last finished segment"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    add_settings(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from pathlib import Path

    from phosphene.show.batch import render_many
    from phosphene.show.settings import outputs_for

    shows = [each for each in args.set if "=" not in each or Path(each).is_file()]
    if len(shows) + bool(args.score) > 1:
        raise InputError("--score and --set FILE are two shows: give one of them.")
    if shows:
        return _set(args, shows[0])
    if args.score:
        return _replay(args)
    if not args.songs:
        raise InputError("name a song to render, a --score or a --set.")
    return render_many(outputs_for(args.songs, args.output), read_settings(args), _options(args))


def _options(args: argparse.Namespace) -> RenderOptions:
    from pathlib import Path

    from phosphene.show.render import RenderOptions
    from phosphene.show.settings import parse_size

    return RenderOptions(
        start=args.start,
        duration=args.duration,
        size=parse_size(args.size) if args.size else None,
        resume=args.resume,
        overwrite=args.overwrite,
        over=Path(args.over) if args.over else None,
        stems="" if args.stems == "auto" else args.stems,
    )


def _replay(args: argparse.Namespace) -> int:
    from pathlib import Path

    from phosphene.show.replay import render_score

    if args.start or args.duration is not None:
        raise InputError("a part of a score is cut with `phosphene score trim`.")
    out = args.output or Path(args.score).stem + ".mp4"
    print(render_score(args.score, out, args.songs, _options(args), fps=args.fps).describe())
    return 0


def _set(args: argparse.Namespace, show: str) -> int:
    from pathlib import Path

    from phosphene.show.replay import render_set

    if args.start or args.duration is not None or args.over or len(args.set) > 1:
        raise InputError(
            "a set is drawn as it is, with its own settings: no --start, --duration, --over or other --set."
        )
    folder = args.output or Path(show).stem
    made = 0
    for report in render_set(show, folder, args.songs, _options(args), fps=args.fps):
        made += 1
        print(report.describe(), flush=True)
    print(f"{made} songs rendered into {folder}.")
    return 0
