"""The settings flags that commands share, and the config they make."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phosphene.config import PipelineConfig


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Flags that every command which draws takes."""
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


def read_settings(args: argparse.Namespace) -> PipelineConfig:
    """Preset, file and flags, checked; flags beat the file, which beats the preset."""
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
