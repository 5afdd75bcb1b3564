"""`phosphene doctor`: what is installed."""

from __future__ import annotations

import argparse

from phosphene.commands.form import Commands, command


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "doctor",
        "What is installed, what is on, what is missing.",
        "  phosphene doctor\n",
    )
    parser.set_defaults(run=_run)


def _run(_args: argparse.Namespace) -> int:
    from phosphene.show.doctor import examine, format_findings

    findings = examine()
    print(format_findings(findings))
    return 0 if all(finding.fine for finding in findings) else 2
