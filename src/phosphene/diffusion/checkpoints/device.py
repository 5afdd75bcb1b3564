"""Where a torch model runs, and in which number format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phosphene.config import DiffusionConfig
from phosphene.diffusion.devices import choose
from phosphene.diffusion.notices import say_once
from phosphene.errors import ConfigError

if TYPE_CHECKING:
    import torch


def pick_device(config: DiffusionConfig) -> torch.device:
    """The device asked for; auto prefers cuda, then mps. One that is missing becomes cpu, said once."""
    import torch

    if config.device == "mlx":
        raise ConfigError(
            "this pipeline runs on torch, and load_pipeline finds the one for device mlx: use that, or"
            " device mps."
        )
    choice = choose(config.device)
    if config.device not in ("auto", choice.device):
        say_once(
            f"device '{config.device}' is off: torch finds none on this machine; using the cpu."
        )
    return torch.device(choice.device)


def use_threads(config: DiffusionConfig, device: torch.device) -> None:
    """Let torch take as many CPU threads as were asked for, in the whole process."""
    import torch

    if config.threads is None:
        return
    if device.type != "cpu":
        say_once(f"threads is off: the networks run on {device.type}, not on a cpu.")
        return
    torch.set_num_threads(config.threads)


def pick_dtype(config: DiffusionConfig, device: torch.device, large: bool = False) -> torch.dtype:
    """The format asked for; auto is float16 on a GPU. A CPU gets float32. Changes are said.

    ``large`` models were trained in bfloat16 and overflow in float16: that is their format on a GPU, and a
    CPU may have it, too, for memory's sake.
    """
    import torch

    if large and config.dtype == "bfloat16" and device.type == "cpu":
        return torch.bfloat16
    if large and config.dtype == "auto" and device.type != "cpu":
        return pick_dtype(config.model_copy(update={"dtype": "bfloat16"}), device)
    if device.type == "cpu":
        if config.dtype in ("float16", "bfloat16"):
            # seen: torch 2.13 dies of an illegal instruction in a bfloat16 matmul on a virtual cpu
            say_once(
                f"dtype {config.dtype} is off: on a cpu it is mostly slower than float32, and on some"
                " it crashes; using float32."
            )
        return torch.float32
    if config.dtype == "auto":
        return torch.float16
    if config.dtype == "bfloat16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        say_once("dtype bfloat16 is off: this GPU cannot compute in it; using float16.")
        return torch.float16
    formats = {
        "float32": torch.float32,
        "float16": torch.float16,
        "bfloat16": torch.bfloat16,
    }
    return formats[config.dtype]


def precision(dtype: Any) -> dict[str, Any]:
    """The number format as diffusers' argument, which was ``torch_dtype`` before 1.0."""
    from diffusers.utils import deprecation_utils

    renamed = hasattr(deprecation_utils, "_resolve_dtype")
    return {"dtype" if renamed else "torch_dtype": dtype}
