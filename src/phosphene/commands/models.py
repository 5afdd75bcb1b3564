"""`phosphene models`: Stable Diffusion checkpoints, what they are, getting them."""

from __future__ import annotations

import argparse

from phosphene.commands.form import Commands, command


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "models",
        "Checkpoints (Stable Diffusion, Wan streams): list, info, pull, quantize.",
        "  phosphene models list                            here, and worth having\n"
        "  phosphene models info ./my-model.safetensors     family, steps, guidance, size\n"
        "  phosphene models info ./self_forcing_dmd.pt      a Wan stream: licence, memory, what is missing\n"
        "  phosphene models pull stabilityai/sd-turbo\n"
        "  phosphene models pull htdemucs                   takes songs apart: analyze --stems\n"
        "  phosphene models quantize stabilityai/sd-turbo -o sd-turbo-4bit    for --device mlx\n"
        "  phosphene render song.mp3 --model stabilityai/sd-turbo\n",
    )
    actions = parser.add_subparsers(dest="action", metavar="list|info|pull|quantize", required=True)
    actions.add_parser("list", help="what is on this machine, what is worth having").set_defaults(
        run=_list
    )
    for name, run, text in (
        ("info", _info, "what a checkpoint is and how it is sampled"),
        ("pull", _pull, "download what drawing needs of it"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("model", metavar="MODEL", help="hub id, folder or .safetensors file")
        action.set_defaults(run=run)
    action = actions.add_parser(
        "quantize", help="weights in 4 or 8 bits for MLX, and what it costs"
    )
    action.add_argument("model", metavar="MODEL", help="hub id or folder")
    action.add_argument("-o", "--output", required=True, metavar="DIR", help="a new folder")
    action.add_argument("--bits", type=int, choices=(4, 8), default=4, help="default 4")
    action.add_argument("--layers", action="store_true", help="print every matrix, not the worst")
    action.set_defaults(run=_quantize)


def _list(_args: argparse.Namespace) -> int:
    from phosphene.diffusion.checkpoints.catalogue import WELL_KNOWN, on_this_machine
    from phosphene.diffusion.checkpoints.errors import explained
    from phosphene.diffusion.registry import pipeline_names

    print(f"pipelines: {', '.join(pipeline_names())} (lsd needs no checkpoint)\n")
    print("on this machine:")
    with explained("the list of checkpoints", "model"):
        found = on_this_machine()
    for info in found:
        print(f"  {info.name}  {info.base} {info.family.name}, {info.megabytes:.0f} MB")
    if not found:
        print("  none")
    print("\nworth having (phosphene models pull ID):")
    for name, text in WELL_KNOWN:
        print(f"  {name}\n      {text}")
    return 0


def _info(args: argparse.Namespace) -> int:
    from phosphene.diffusion.checkpoints.catalogue import describe
    from phosphene.diffusion.wan.pipeline import describe as describe_wan

    print(describe_wan(args.model) or describe(args.model).describe())
    return 0


def _pull(args: argparse.Namespace) -> int:
    from phosphene.diffusion.checkpoints.catalogue import pull

    if args.model == "htdemucs":
        from phosphene.audio.stems import pull_weights

        print(pull_weights())
        return 0
    for folder in pull(args.model):
        print(folder)
    return 0


def _quantize(args: argparse.Namespace) -> int:
    from pathlib import Path

    from phosphene.diffusion.devices import require_mlx

    require_mlx()
    from phosphene.diffusion.mlx.losses import describe, quantize_model

    print(describe(quantize_model(args.model, Path(args.output), args.bits), args.layers))
    place = args.output if "/" in args.output else f"./{args.output}"
    print(f"draw with it: --model {place}")
    return 0
