"""`phosphene train`: make the built-in model, or one of your own."""

from __future__ import annotations

import argparse
from pathlib import Path

from phosphene.commands.form import Commands, command
from phosphene.errors import ConfigError, InputError, ModelError

SHIPPED = Path("shipped")
"""stands for the package's own weights"""
SHORTEST = 0.25
"""minutes; less would go into the last sheet and checkpoint"""


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "train",
        "Train the built-in model, on its own renderer's clips or on yours.",
        "  phosphene train --out run --plan cpu                  everything, on this machine\n"
        "  phosphene train --out run --plan gpu30 --minutes 9    nine minutes of it; call again to go on\n"
        "  phosphene train --print-config --plan cpu > my.toml   all settings, to edit\n"
        "  phosphene train --out run --config my.toml            your settings, your clips (data.folder)\n"
        "  phosphene train --out run --resume --minutes 60       an hour more on the networks that ship\n"
        "  phosphene train --out run --export weights            only write the networks a run has so far\n",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the run; goes on if it holds one"
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--plan", metavar="P", help="gpu30, cpu or tiny (default: the run's own, else cpu)"
    )
    source.add_argument("--config", type=Path, metavar="F.toml", help="training settings")
    parser.add_argument(
        "--minutes", type=float, metavar="N", help="stop after so long; the next call goes on"
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda", "mps"), help="default: as configured"
    )
    parser.add_argument("--seed", type=int, metavar="N")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument(
        "--judge", action="store_true", help="train the classifier of `bench quality` instead"
    )
    parser.add_argument(
        "--stems",
        metavar="VAE",
        help="train stems that halve the cost of a tiny autoencoder (madebyollin/taesd, or a folder)",
    )
    parser.add_argument(
        "--ablation", action="store_true", help="train the eight networks of the ablation table"
    )
    parser.add_argument(
        "--pack", type=Path, metavar="DIR", help="also copy the run there, in small files"
    )
    parser.add_argument(
        "--unpack", type=Path, metavar="DIR", help="start from a packed run, if --out is empty"
    )
    parser.add_argument(
        "--export", type=Path, metavar="DIR", help="write the networks of the run, do not train"
    )
    parser.add_argument(
        "--resume",
        type=Path,
        nargs="?",
        const=SHIPPED,
        metavar="DIR",
        help="start from the networks in a weights folder (default: those that ship)",
    )
    parser.add_argument("--print-config", action="store_true", help="print the settings and stop")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    try:
        from phosphene.training import piece
    except ImportError as error:
        raise ModelError(f"training needs {error.name}: pip install 'phosphene[train]'.") from error
    from phosphene.training.config import TrainConfig, plan

    if args.out is None and not args.print_config:
        raise InputError("name the folder of the run: --out DIR.")
    if args.minutes is not None and args.minutes < SHORTEST:
        raise InputError(f"--minutes must be at least {SHORTEST:g}, not {args.minutes:g}.")
    if args.unpack is not None:
        from phosphene.training.pack import unpack

        unpack(args.unpack, args.out)
    own = None if args.out is None else args.out / piece.CONFIG
    if args.config is not None:
        config = TrainConfig.from_toml(args.config)
    elif args.plan is not None or own is None or not own.exists():
        config = plan(args.plan or "cpu")
    else:
        config = TrainConfig.from_toml(own)
    for name, value in (("device", args.device), ("seed", args.seed)):
        if value is not None:
            setattr(config, name, value)
    if args.no_compile:
        config.compile = False
    if args.print_config:
        print(config.dumps_toml(), end="")
        return 0
    start = None if args.resume is None else _weights(args.resume)
    if args.export is not None:
        return _export(args.out, args.export, start)
    if args.judge:
        from phosphene.training.train_judge import train_judge

        print(train_judge(args.out, config, args.minutes))
        return 0
    if args.stems:
        from phosphene.training.train_stems import train_stems

        print(train_stems(args.out, config, args.stems, args.minutes))
        return 0
    if args.ablation:
        from phosphene.training.ablation import train_ablation

        done = train_ablation(args.out, config, args.minutes)
        print(f"ablation: {'done' if done else f'call again with --out {args.out} to go on'}.")
        return 0
    done = piece.train(args.out, config, args.minutes, start)
    if args.pack is not None:
        from phosphene.training.pack import pack

        pack(args.out, args.pack)
    if not done:
        print(f"not done yet: call again with --out {args.out} to go on.")
        return 0
    return _export(args.out, args.out / "weights", start)


def _weights(named: Path) -> Path:
    from phosphene.diffusion.lsd.nets import WEIGHTS

    return WEIGHTS if named == SHIPPED else named


def _export(run: Path, weights: Path, start: Path | None) -> int:
    from phosphene.training.piece import CONFIG
    from phosphene.training.publish import publish

    if not (run / CONFIG).exists():
        raise ConfigError(f"{run} holds no trained run yet.")
    print(publish(run, weights, start))
    return 0
