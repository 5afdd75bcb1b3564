"""`phosphene analyze`: what is heard in a song."""

from __future__ import annotations

import argparse

from phosphene.commands.form import Commands, command


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "analyze",
        "Show what phosphene hears in a song.",
        "  phosphene analyze song.mp3 --plot song.png\n"
        "  phosphene analyze song.mp3 --json song.json --fps 30\n"
        "  phosphene analyze song.mp3 --stems stems/       drums, bass and voices apart\n",
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
    parser.add_argument(
        "--stems",
        nargs="?",
        const="",
        metavar="DIR",
        help="hear drums, bass and voices apart: from DIR (drums.wav, bass.wav, vocals.wav), or taken apart"
        " here (extra [stems]; `phosphene models pull htdemucs` fetches what it needs)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
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
    print(analyze(args.song, config.audio, args.json, args.plot, args.overwrite, args.stems))
    return 0
