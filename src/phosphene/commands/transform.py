"""`phosphene transform`: videos in, drawn-over videos out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.commands.form import Commands, command
from phosphene.commands.settings import add_base, add_model, add_react, laid_over

if TYPE_CHECKING:
    from phosphene.config import PipelineConfig


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "transform",
        "Draw over a video; its sound, subtitles, times and tags stay.",
        '  phosphene transform clip.mp4 -o out.mp4 --prompt "neon pink tunnel"\n'
        "  phosphene transform clip.mp4 --strength 0.7 --stabilize 1 --start 60 --duration 20\n"
        "  phosphene transform clip.mp4 --sound song.flac         dances to that song\n"
        "  phosphene transform clips/ -o drawn/ --report drawn/report.json\n"
        "  phosphene transform clip.mp4 -o out.mp4 --resume       go on after a kill\n",
    )
    parser.add_argument(
        "inputs", nargs="+", metavar="IN", help="video file, folder, or a quoted pattern '*.mov'"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="video file, or a folder for many (default IN.drawn.mp4)",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the last finished segment"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    parser.add_argument(
        "--report", metavar="F.json", help="write what was made, and where the time went"
    )
    hear = parser.add_mutually_exclusive_group()
    hear.add_argument(
        "--sound",
        metavar="SONG",
        help="move to this song, and sound of it (default: its own sound)",
    )
    hear.add_argument("--deaf", action="store_true", help="move to no sound")
    _add_stretch(parser)
    _add_picture(parser)
    parser.set_defaults(run=_run)


def _add_stretch(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which pictures")
    group.add_argument("--start", type=float, default=0.0, metavar="S", help="begin there, seconds")
    group.add_argument(
        "--duration", type=float, metavar="S", help="so long, seconds (default: to the end)"
    )
    group.add_argument(
        "--skip", type=int, default=0, metavar="N", help="leave out N pictures after each one drawn"
    )
    group.add_argument(
        "--fps", type=float, metavar="N", help="an even rate (default: the video's own times)"
    )
    group.add_argument(
        "--cadence",
        metavar="N",
        help="pictures shown for each one drawn, moved along the video's motion (default 1), or auto: what"
        " the machine has time for",
    )
    group.add_argument(
        "--scale", type=float, default=1.0, metavar="X", help="size of the new video (default 1)"
    )


def _add_picture(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("settings (flags beat --config, which beats --preset)")
    group.add_argument("--prompt", metavar="T", help="what to draw; (word:1.3) weighs a word")
    group.add_argument(
        "--negative", metavar="T", help="what to stay away from (costs a second call)"
    )
    group.add_argument(
        "--strength", type=float, metavar="X", help="0 keeps the video's picture, 1 ignores it"
    )
    group.add_argument(
        "--stabilize", type=float, metavar="X", help="0 each frame for itself .. 1 (default 0.5)"
    )
    group.add_argument(
        "--detail",
        type=float,
        metavar="X",
        help="0 .. 1: how much of the video's own fine lines stays",
    )
    group.add_argument(
        "--reactivity", type=float, metavar="X", help="0 ignores the sound, 1 as designed, 4 wild"
    )
    group.add_argument("--steps", type=int, metavar="N", help="denoising steps per frame")
    group.add_argument("--batch", type=int, metavar="N", help="frames per model call")
    group.add_argument("--seed", type=int, metavar="N", help="another seed, other details")
    add_model(group)
    add_base(group)
    add_react(group)


def _run(args: argparse.Namespace) -> int:
    from phosphene.show.transform import TransformOptions
    from phosphene.show.transform.inputs import pairs
    from phosphene.show.transform.many import transform_many

    options = TransformOptions(
        start=args.start,
        duration=args.duration,
        skip=args.skip,
        fps=args.fps,
        scale=args.scale,
        sound=Path(args.sound) if args.sound else None,
        deaf=args.deaf,
        resume=args.resume,
        overwrite=args.overwrite,
    )
    report = Path(args.report) if args.report else None
    return transform_many(pairs(args.inputs, args.output), _settings(args), options, report)


def _settings(args: argparse.Namespace) -> PipelineConfig:
    names = ("strength", "stabilize", "detail", "steps", "batch")
    return laid_over(
        args,
        prompt={"base_prompt": args.prompt, "negative_prompt": args.negative},
        stream={"cadence": args.cadence},
        transform={name: getattr(args, name) for name in names},
    )
