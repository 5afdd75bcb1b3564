"""`phosphene osc`: every OSC address of a live show."""

from __future__ import annotations

import argparse

from phosphene.commands.form import Commands, command


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "osc",
        "Every OSC address that `phosphene live --osc` takes and tells, with what each means.",
        "  phosphene osc                     all of them\n"
        "  phosphene osc camera              those with this word\n"
        "  phosphene osc --markdown          as the table of docs/osc.md\n",
    )
    parser.add_argument("word", nargs="*", metavar="WORD", help="only what has these words")
    parser.add_argument("--markdown", action="store_true", help="as a table")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from phosphene.integrations.osc.addresses import addresses, page, takes

    if args.markdown:
        print(page(), end="")
        return 0
    lines = [
        f"{a.full:42} {takes(a)}{' (told)' if a.kind == 'told' else ''}\n    {a.about}"
        for a in addresses().values()
    ]
    words = [word.lower() for word in args.word]
    found = [line for line in lines if all(word in line.lower() for word in words)]
    print("\n".join(found) if found else "no address has these words: `phosphene osc` lists all.")
    return 0
