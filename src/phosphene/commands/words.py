"""`phosphene words`: what the built-in model can draw, and what it takes a prompt for."""

from __future__ import annotations

import argparse
import textwrap

from phosphene.commands.form import Commands, command

WIDTH = 100


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "words",
        "What the built-in model draws: patterns, mixtures, moods, colours; or what it takes a prompt for.",
        "  phosphene words                                  all there is\n"
        '  phosphene words "crimson mandala of fire"        what that would be\n',
    )
    parser.add_argument("prompt", nargs="*", metavar="PROMPT", help="prompts to read")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    if args.prompt:
        for text in args.prompt:
            print(_read(text))
        return 0
    from phosphene.diffusion.lsd.colours import COLOURS, MOODS, names
    from phosphene.diffusion.lsd.render import FAMILIES, FOLDS

    print(f"{len(FAMILIES)} patterns, each by any of these words:\n")
    for family in FAMILIES.values():
        _entry(family.words[0], family.words[1:])
    folds = [FAMILIES[name].words[0] for name in FOLDS]
    print(
        f"\n{len(FOLDS)} of them hold any other, as in 'hexagons of lightning', 'marble tunnel':\n"
    )
    print(textwrap.fill(", ".join(folds), WIDTH, initial_indent="  ", subsequent_indent="  "))
    print(f"\n{len(MOODS)} moods, each a palette:\n")
    for mood in MOODS:
        _entry(mood.words[0], mood.words[1:])
    print(
        f"\n{len(names())} names of colours, and #rrggbb; up to three in a prompt. The plain ones:\n"
    )
    print(textwrap.fill(", ".join(COLOURS), WIDTH, initial_indent="  ", subsequent_indent="  "))
    return 0


def _entry(name: str, more: tuple[str, ...]) -> None:
    indent = " " * 24
    print(
        textwrap.fill(
            ", ".join(more), WIDTH, initial_indent=f"  {name:21} ", subsequent_indent=indent
        )
        if more
        else f"  {name}"
    )


def _read(text: str) -> str:
    from phosphene.diffusion.lsd.colours import named
    from phosphene.diffusion.lsd.motifs import Reader
    from phosphene.diffusion.lsd.text import TextEncoder

    encoder = TextEncoder()
    reading = Reader(encoder).read(text, encoder.encode(text))
    said = named(text)
    colours = [f"#{colour}" for colour in said.colours] + [mood.words[0] for mood in said.moods]
    taken = (
        reading.motif.label if reading.sure else f"{reading.motif.label}, the nearest in meaning"
    )
    return f"{text}: {taken}; colours: {', '.join(colours) or 'its own'}"
