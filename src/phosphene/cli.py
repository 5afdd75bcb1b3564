"""The command line: parses, calls, prints."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.errors import InputError, PhospheneError

if TYPE_CHECKING:
    from phosphene.config import PipelineConfig

EXAMPLES = """examples:
  phosphene demo                                  compose a short piece, render it to demo.mp4
  phosphene render song.mp3                       song.mp4, with the song's sound
  phosphene render song.mp3 -o out.mp4 --prompt "molten gold spiral" --size 1280x720
  phosphene render *.flac -o videos/              one video per song
  phosphene analyze song.mp3 --plot song.png      what phosphene hears
  phosphene bench stream                          frames per second on this machine
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
    _add_render(commands)
    _add_demo(commands)
    _add_analyze(commands)
    _add_config(commands)
    _add_bench(commands)
    _add_doctor(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 done, 2 the user must change something, 130 interrupted."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help()
        return 0
    try:
        return int(args.run(args))
    except PhospheneError as error:
        print(f"phosphene: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("phosphene: interrupted. A render goes on with --resume.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # whoever read the output has seen enough; python would complain again on exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


Commands = argparse._SubParsersAction  # the public name does not exist


def _command(
    commands: Commands[argparse.ArgumentParser], name: str, text: str, example: str
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=text,
        description=text,
        epilog=f"examples:\n{example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_settings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("settings (flags beat --config, which beats --preset)")
    group.add_argument("--prompt", metavar="T", help="what to draw; (word:1.3) weighs a word")
    group.add_argument(
        "--preset", default="balanced", metavar="P", help="fast, balanced (default) or quality"
    )
    group.add_argument("--config", metavar="F.toml", help="settings file; see `phosphene config`")
    group.add_argument(
        "--chroma-prompts", metavar="F", help="text file, 12 lines: one prompt per note C..B"
    )
    group.add_argument("--model", metavar="M", help="lsd (built in, default), sd15, or a plugin's")
    group.add_argument("--model-id", metavar="ID", help="weights for --model: hub id or local path")
    group.add_argument("--seed", type=int, metavar="N", help="another seed, another journey")
    group.add_argument(
        "--size", metavar="WxH", help="size of the video, pixels (default: the model's own)"
    )
    group.add_argument("--fps", type=float, metavar="N", help="frames per second (default 24)")
    group.add_argument(
        "--steps", type=int, metavar="N", help="denoising steps per frame (default 1)"
    )
    group.add_argument(
        "--reactivity", type=float, metavar="X", help="0 ignores the music, 1 as designed, 4 wild"
    )
    group.add_argument(
        "--allow-flashes",
        action="store_true",
        help="do not hold flashes under 3 a second (WCAG 2.3.1); strobing can trigger seizures",
    )


def _add_render(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "render",
        "Song in, diffusion music video with that song's sound out.",
        '  phosphene render song.mp3 -o out.mp4 --prompt "teal ocean waves"\n'
        "  phosphene render song.mp3 --start 60 --duration 20 --preset quality\n"
        "  phosphene render song.mp3 --resume              go on after a kill\n",
    )
    parser.add_argument("songs", nargs="+", metavar="SONG", help="sound or video file")
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="video file, or a folder for many songs"
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
    _add_settings(parser)
    parser.set_defaults(run=_render)


def _add_demo(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "demo",
        "Compose a short piece and render it.",
        "  phosphene demo\n  phosphene demo -o neon.mp4 --prompt 'neon pink tunnel' --seed 7\n",
    )
    parser.add_argument(
        "-o", "--output", default="demo.mp4", metavar="OUT", help="default demo.mp4"
    )
    parser.add_argument(
        "--seconds", type=float, default=15.0, metavar="S", help="length (default 15)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    _add_settings(parser)
    parser.set_defaults(run=_demo)


def _add_analyze(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "analyze",
        "Show what phosphene hears in a song.",
        "  phosphene analyze song.mp3 --plot song.png\n"
        "  phosphene analyze song.mp3 --json song.json --fps 30\n",
    )
    parser.add_argument("song", metavar="SONG", help="sound or video file")
    parser.add_argument("--json", metavar="F", help="write the features, named as in AudioFeatures")
    parser.add_argument("--plot", metavar="F.png", help="write a picture of them")
    parser.add_argument("--fps", type=float, metavar="N", help="frames per second (default 24)")
    parser.add_argument("--backend", metavar="B", help="numpy (default) or librosa")
    parser.add_argument(
        "--tempo-multiplier", type=float, metavar="X", help="0.5, 1 or 2 x the tempo found"
    )
    parser.add_argument(
        "--beat-offset", type=float, metavar="MS", help="shift the beats, milliseconds"
    )
    parser.add_argument("--config", metavar="F.toml", help="settings file")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    parser.set_defaults(run=_analyze)


def _add_config(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "config",
        "Print all settings as TOML, to edit and hand to --config.",
        "  phosphene config > my.toml\n  phosphene config --preset quality\n  phosphene config --schema\n",
    )
    parser.add_argument(
        "--preset", default="balanced", metavar="P", help="fast, balanced or quality"
    )
    parser.add_argument("--schema", action="store_true", help="print the JSON schema instead")
    parser.set_defaults(run=_config)


def _add_bench(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "bench",
        "Measure this machine.",
        "  phosphene bench stream\n  phosphene bench stream --frames 2000 --json bench.json\n",
    )
    parser.add_argument(
        "what", choices=["stream"], help="stream: cue to finished frame, one by one"
    )
    parser.add_argument("--frames", type=int, default=300, metavar="N", help="frames (default 300)")
    parser.add_argument("--json", metavar="F", help="write the figures")
    _add_settings(parser)
    parser.set_defaults(run=_bench)


def _add_doctor(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "doctor",
        "What is installed, what is on, what is missing.",
        "  phosphene doctor\n",
    )
    parser.set_defaults(run=_doctor)


def _settings(args: argparse.Namespace) -> PipelineConfig:
    from phosphene.config import PipelineConfig
    from phosphene.show.settings import read_chroma_prompts

    config = PipelineConfig.preset(args.preset)
    if args.config:
        config = PipelineConfig.from_toml(args.config, base=config)
    prompts = read_chroma_prompts(args.chroma_prompts) if args.chroma_prompts else None
    flags = {
        "prompt": {"base_prompt": args.prompt, "chroma_prompts": prompts},
        "diffusion": {"model": args.model, "model_id": args.model_id},
        "inference": {"seed": args.seed},
        "audio": {"fps": args.fps},
        "stream": {"denoising_steps": args.steps},
        "react": {"reactivity": args.reactivity},
        "video": {"limit_flashes": False if args.allow_flashes else None},
    }
    given = {k: {n: v for n, v in group.items() if v is not None} for k, group in flags.items()}
    return PipelineConfig.from_dict(given, base=config)


def _render(args: argparse.Namespace) -> int:
    from phosphene.show.batch import render_many
    from phosphene.show.render import RenderOptions
    from phosphene.show.settings import outputs_for, parse_size

    options = RenderOptions(
        start=args.start,
        duration=args.duration,
        size=parse_size(args.size) if args.size else None,
        resume=args.resume,
        overwrite=args.overwrite,
    )
    return render_many(outputs_for(args.songs, args.output), _settings(args), options)


def _demo(args: argparse.Namespace) -> int:
    from phosphene.show.demo import demo
    from phosphene.show.settings import parse_size

    size = parse_size(args.size) if args.size else None
    print(demo(Path(args.output), args.seconds, _settings(args), size, args.overwrite))
    return 0


def _analyze(args: argparse.Namespace) -> int:
    from phosphene.config import PipelineConfig
    from phosphene.show.analysis import analyze

    config = PipelineConfig.from_toml(args.config) if args.config else PipelineConfig()
    flags = {
        "fps": args.fps,
        "backend": args.backend,
        "tempo_multiplier": args.tempo_multiplier,
        "beat_offset_ms": args.beat_offset,
    }
    given = {"audio": {name: value for name, value in flags.items() if value is not None}}
    config = PipelineConfig.from_dict(given, base=config)
    print(analyze(args.song, config.audio, args.json, args.plot, args.overwrite))
    return 0


def _config(args: argparse.Namespace) -> int:
    import json

    from phosphene.config import PipelineConfig
    from phosphene.diffusion.registry import pipeline_class

    config = PipelineConfig.preset(args.preset)
    pipeline_class(config.diffusion.model).suggest(config)
    schema = json.dumps(config.model_json_schema(), indent=2) + "\n"
    print(schema if args.schema else config.dumps_toml(), end="")
    return 0


def _bench(args: argparse.Namespace) -> int:
    from phosphene.show.bench import bench_stream
    from phosphene.show.settings import parse_size

    if args.frames < 1:
        raise InputError(f"--frames must be at least 1, not {args.frames}.")
    size = parse_size(args.size) if args.size else None
    print(bench_stream(_settings(args), args.frames, size, args.json))
    return 0


def _doctor(_args: argparse.Namespace) -> int:
    from phosphene.show.doctor import examine, format_findings

    findings = examine()
    print(format_findings(findings))
    return 0 if all(finding.fine for finding in findings) else 2


if __name__ == "__main__":
    sys.exit(main())
