"""The settings flags that commands share, and the config they make."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import JsonValue

    from phosphene.config import PipelineConfig

# as in the config, which takes too long to import for a parser
DEVICES = ("auto", "cuda", "mps", "mlx", "cpu")
QUANTIZED = ("none", "4", "8", "int8", "fp8")


def add_settings(parser: argparse.ArgumentParser, *, many_prompts: bool = False) -> None:
    """Flags that every command which draws takes; `many_prompts` lets --prompt come more than once."""
    group = parser.add_argument_group("settings (flags beat --config, which beats --preset)")
    if many_prompts:
        group.add_argument(
            "--prompt",
            metavar="[@S ]T",
            action="append",
            help="what to draw, from second S on; may be given again and again",
        )
    else:
        group.add_argument("--prompt", metavar="T", help="what to draw; (word:1.3) weighs a word")
    add_base(group)
    group.add_argument(
        "--chroma-prompts", metavar="F", help="text file, 12 lines: one prompt per note C..B"
    )
    add_model(group)
    group.add_argument("--seed", type=int, metavar="N", help="another seed, another journey")
    group.add_argument(
        "--size",
        metavar="WxH",
        help="size of the video, pixels, or 720p, 1080p, 4k, square, vertical (default: the model's own)",
    )
    group.add_argument("--fps", type=float, metavar="N", help="frames per second (default 24)")
    group.add_argument(
        "--cadence",
        metavar="N",
        help="frames shown for each one drawn (default 1), or auto: what the machine has time for",
    )
    group.add_argument(
        "--steps", type=int, metavar="N", help="denoising steps per frame (default 1)"
    )
    group.add_argument(
        "--reactivity", type=float, metavar="X", help="0 ignores the music, 1 as designed, 4 wild"
    )
    add_react(group)


def add_base(group: argparse._ArgumentGroup) -> None:
    """What flags are laid over."""
    group.add_argument(
        "--preset", default="balanced", metavar="P", help="fast, balanced (default) or quality"
    )
    group.add_argument("--config", metavar="F.toml", help="settings file; see `phosphene config`")


def add_model(group: argparse._ArgumentGroup) -> None:
    """Which model draws, and where."""
    group.add_argument(
        "--model",
        metavar="M",
        help="lsd (default), the path or hub id of any SD, SDXL, or the path of a Wan stream",
    )
    group.add_argument(
        "--window",
        type=int,
        metavar="N",
        help="latent frames that a chunk model (Wan) looks back at (default 9); fewer take less memory",
    )
    group.add_argument("--model-id", metavar="ID", help="weights for --model: hub id or local path")
    group.add_argument(
        "--device",
        choices=DEVICES,
        help="where the model runs; `phosphene doctor` says what auto is",
    )
    group.add_argument(
        "--quantize",
        choices=QUANTIZED,
        help="bits of the weights: 4 or 8 with --device mlx; int8, fp8 on torch",
    )


def add_react(group: argparse._ArgumentGroup) -> None:
    """Flags of every command that a mapping moves, and for any setting there is."""
    group.add_argument(
        "--mapping",
        metavar="M",
        help="what the music does to the picture: a name, or FILE.py[:FUNCTION], which is run",
    )
    group.add_argument(
        "--set",
        metavar="PATH=VALUE",
        action="append",
        default=[],
        help="any setting by its path, as in `phosphene config`: --set camera.zoom=1.2",
    )
    group.add_argument(
        "--allow-flashes",
        action="store_true",
        help="do not hold flashes under 3 a second (WCAG 2.3.1); strobing can trigger seizures",
    )


def apply_sets(texts: list[str], config: PipelineConfig) -> PipelineConfig:
    """``config`` with every ``path=value``; a value is TOML, or else text. Raises InputError, ConfigError."""
    import tomllib

    from phosphene.config import PipelineConfig
    from phosphene.errors import InputError
    from phosphene.show.looks import nest

    given: dict[str, JsonValue] = {}
    for text in texts:
        path, sign, value = text.partition("=")
        path = path.strip()
        if not sign or not path.partition(".")[2]:
            raise InputError(f"--set {text} is not PATH=VALUE: write for example camera.zoom=1.2.")
        try:
            read = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            read = value
        given[path] = read
    return PipelineConfig.from_dict(nest(given), base=config)


def read_settings(args: argparse.Namespace) -> PipelineConfig:
    """Preset, file and flags, checked; flags beat the file, which beats the preset."""
    from phosphene.show.settings import read_chroma_prompts

    prompts = read_chroma_prompts(args.chroma_prompts) if args.chroma_prompts else None
    return laid_over(
        args,
        prompt={"base_prompt": args.prompt, "chroma_prompts": prompts},
        audio={"fps": args.fps},
        stream={"denoising_steps": args.steps, "cadence": args.cadence},
    )


def laid_over(args: argparse.Namespace, **own: dict[str, Any]) -> PipelineConfig:
    """The settings of the flags that all commands share, and a command's ``own`` by section."""
    from phosphene.config import PipelineConfig
    from phosphene.show.mapping import load_mapping
    from phosphene.text import legible

    config = PipelineConfig.preset(args.preset)
    if args.config:
        config = PipelineConfig.from_toml(args.config, base=config)
    for text in filter(None, (own["prompt"].get(n) for n in ("base_prompt", "negative_prompt"))):
        legible(text)
    mapping = load_mapping(args.mapping) if args.mapping else None
    model = ("model", "model_id", "window", "device", "quantize")
    flags = own | {
        "diffusion": {name: getattr(args, name) for name in model},
        "inference": {"seed": args.seed},
        "react": {"reactivity": args.reactivity, "mapping": mapping},
        "video": {"limit_flashes": False if args.allow_flashes else None},
    }
    given = {k: {n: v for n, v in group.items() if v is not None} for k, group in flags.items()}
    return apply_sets(args.set, PipelineConfig.from_dict(given, base=config))
