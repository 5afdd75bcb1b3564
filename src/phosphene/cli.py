"""The command line: finds the command, runs it, says plainly what went wrong."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from phosphene import interrupts
from phosphene.commands import (
    analyze,
    batch,
    bench,
    config,
    demo,
    doctor,
    dream,
    live,
    models,
    osc,
    render,
    score,
    train,
    transform,
    words,
)
from phosphene.errors import PhospheneError, in_words

COMMANDS = (
    live,
    render,
    score,
    transform,
    batch,
    dream,
    demo,
    analyze,
    config,
    bench,
    models,
    words,
    osc,
    train,
    doctor,
)
"""in the order of the help; a new command is a file in `commands/` and its name here"""

EXAMPLES = """examples:
  phosphene demo                                  compose a short piece, render it to demo.mp4
  phosphene live                                  pictures while the music plays, in the browser
  phosphene render song.mp3                       song.mp4, with the song's sound
  phosphene render song.mp3 -o out.mp4 --prompt "molten gold spiral" --size 1280x720
  phosphene render *.flac -o videos/              one video per song
  phosphene transform clip.mp4 -o out.mp4         draw over a video
  phosphene batch songs/ clips/ -o videos/        a catalogue, on all machines of a Ray cluster
  phosphene dream --seconds 60 --prompt nebula    video without a song, as long as you like
  phosphene analyze song.mp3 --plot song.png      what phosphene hears
  phosphene words                                 what the built-in model can draw
  phosphene osc                                   addresses for TouchOSC, Chataigne, lighting desks
  phosphene bench stream                          frames per second on this machine
  phosphene train --out run --plan cpu            make the built-in model anew, or your own
  phosphene doctor                                what is installed, what is missing
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser, without importing anything heavy."""
    from phosphene import __version__

    parser = argparse.ArgumentParser(
        prog="phosphene",
        description="Music becomes diffusion video while it plays.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"phosphene {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 done, 2 the user must change something, 130 interrupted."""
    _open_streams()
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help()
        return 0
    try:
        with interrupts.remembered():
            return int(args.run(args))
    except KeyboardInterrupt:
        print("phosphene: interrupted. A render goes on with --resume.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # whoever read the output has seen enough; python would complain again on exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (PhospheneError, OSError) as error:
        print(f"phosphene: {in_words(error)}", file=sys.stderr)
        return 2


def _open_streams() -> None:
    """See to it that whatever is said can be: to closed streams, and in terminals of few letters."""
    for handle in range(3):
        try:
            os.fstat(handle)
        except OSError:
            # else the next file that is opened would take its number, and what libraries say
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
