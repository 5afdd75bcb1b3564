"""The form all commands share."""

from __future__ import annotations

import argparse

Commands = argparse._SubParsersAction  # the public name does not exist
"""where a command adds its parser"""


def command(
    commands: Commands[argparse.ArgumentParser], name: str, text: str, example: str
) -> argparse.ArgumentParser:
    """A parser for one command, with examples at the end of its help."""
    return commands.add_parser(
        name,
        help=text,
        description=text,
        epilog=f"examples:\n{example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
