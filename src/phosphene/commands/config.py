"""`phosphene config`: all settings."""

from __future__ import annotations

import argparse
from pathlib import Path

from phosphene.commands.form import Commands, command


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "config",
        "Print all settings as TOML, to edit and hand to --config.",
        "  phosphene config -o my.toml\n  phosphene config --preset quality\n  phosphene config --schema\n",
    )
    parser.add_argument(
        "--preset", default="balanced", metavar="P", help="fast, balanced or quality"
    )
    parser.add_argument("--schema", action="store_true", help="print the JSON schema instead")
    parser.add_argument("-o", "--output", metavar="F", help="write a file, in UTF-8")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    import json

    from phosphene.config import PipelineConfig
    from phosphene.diffusion.registry import pipeline_class
    from phosphene.show.analysis import check_target, write_text

    config = PipelineConfig.preset(args.preset)
    pipeline_class(config.diffusion.model).suggest(config)
    schema = json.dumps(config.model_json_schema(), indent=2) + "\n"
    text = schema if args.schema else config.dumps_toml()
    if args.output is None:
        print(text, end="")
        return 0
    check_target(Path(args.output), args.overwrite)
    write_text(Path(args.output), text)
    print(f"settings: {args.output}")
    return 0
