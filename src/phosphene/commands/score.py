"""`phosphene score`: recorded shows looked at, cut and checked."""

from __future__ import annotations

import argparse

from phosphene.commands.form import Commands, command


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "score",
        "Look at a recorded show, cut it, check it; `phosphene render --score` draws it.",
        "  phosphene score show tonight.score\n"
        "  phosphene score trim tonight.score --from 60 --to 120 -o part.score\n"
        "  phosphene score check tonight.score song.flac\n",
    )
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    show = acts.add_parser(
        "show", help="what changed, and when", description="What changed, and when."
    )
    show.add_argument("score", metavar="F.score")
    trim = acts.add_parser(
        "trim", help="write a part of it", description="Write a part of a score."
    )
    trim.add_argument("score", metavar="F.score")
    trim.add_argument(
        "--from", dest="start", type=float, default=0.0, metavar="S", help="begin there, seconds"
    )
    trim.add_argument(
        "--to", dest="end", type=float, metavar="S", help="end there (default: its end)"
    )
    trim.add_argument("-o", "--output", required=True, metavar="OUT.score")
    trim.add_argument("--overwrite", action="store_true", help="replace an existing file")
    check = acts.add_parser(
        "check", help="whether it can be drawn", description="Whether a score can be drawn."
    )
    check.add_argument("score", metavar="F.score")
    check.add_argument("songs", nargs="*", metavar="SONG", help="files of the songs that it plays")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from pathlib import Path

    from phosphene.errors import OutputError
    from phosphene.show import score
    from phosphene.show.analysis import check_target

    told = score.read(args.score)
    if args.act == "show":
        print(score.describe(told))
        return 0
    if args.act == "check":
        score.match_songs(told, [Path(song) for song in args.songs], Path(args.score).parent)
        changes = sum(change.changes for change in told.changes)
        told_lines = [f"{args.score}: {told.seconds:.1f} s, {changes} changes, all well."]
        print("\n".join([*told.notes, *told_lines]))
        return 0
    out = Path(args.output)
    check_target(out, args.overwrite)
    part = score.trim(told, args.start, args.end)
    try:
        score.write(part, out)
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror}.") from error
    print("\n".join([*part.notes, f"{out}: {part.seconds:.1f} s."]))
    return 0
