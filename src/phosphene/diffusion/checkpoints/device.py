"""Where a torch model runs, and in which number format."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phosphene.config import DiffusionConfig
from phosphene.diffusion.devices import choose
from phosphene.diffusion.notices import first_line, say_once
from phosphene.diffusion.runtimes import key_of, once
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


TRIAL = """
import torch
a, kernel = (torch.ones(s, dtype=torch.bfloat16) for s in ((1, 64, 32, 32), (64, 64, 3, 3)))
rows = torch.nn.functional.conv2d(a, kernel, padding=1).flatten(2)
torch.nn.functional.linear(rows.mT @ rows, torch.ones(64, 1024, dtype=torch.bfloat16))
torch.nn.functional.scaled_dot_product_attention(a, a, a)
"""
TRIAL_SECONDS = 60.0


def says_bfloat16() -> bool:
    """Whether this processor says that it multiplies matrices of bfloat16 (AMX, AVX-512 BF16)."""
    import torch

    # older ones than torch 2.10 do not tell
    tell: Callable[[], dict[str, object]] = getattr(torch.cpu, "get_capabilities", dict)
    can = tell()
    return any(can.get(name) for name in ("amx_bf16", "avx512_bf16"))


@lru_cache(maxsize=1)
def has_bfloat16() -> bool:
    """Whether this processor multiplies matrices of bfloat16.

    What it says of itself is tried in another process, once for each machine and version: on a virtual one
    torch 2.13 died of an illegal instruction.
    """
    if not says_bfloat16():
        return False
    try:
        tried, _ = once(key_of(f"bfloat16 {TRIAL}", ["survives"]), {"survives"}, _try_bfloat16)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        say_once(f"bfloat16 is off, it could not be tried here: {first_line(error)}.")
        return False
    return bool(tried["survives"])


def _try_bfloat16() -> dict[str, float]:
    """Raises RuntimeError, OSError or SubprocessError where nothing was learned."""
    name = Path(sys.executable or "").stem.lower()
    if getattr(sys, "frozen", False) or not name.startswith(("python", "pypy")):
        raise RuntimeError("no Python is there to try it with")
    done = subprocess.run(
        [sys.executable, "-c", TRIAL],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TRIAL_SECONDS,
        check=False,
    )
    if done.returncode == 1:
        # an exception: the processor has nothing to do with it
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise RuntimeError(told[-1] if told else "Python failed")
    return {"survives": float(done.returncode == 0)}


def counts_in_bfloat16(config: DiffusionConfig) -> bool:
    """Whether a CPU does: where it can, unless another format was asked for."""
    return config.dtype in ("auto", "bfloat16") and has_bfloat16()


def pick_dtype(config: DiffusionConfig, device: torch.device, large: bool = False) -> torch.dtype:
    """The format of weights. auto is float16 on a GPU, bfloat16 on a CPU that has it, else float32.

    Other runtimes than torch take float32 on a CPU, whatever they count in. ``large`` models were trained in
    bfloat16 and overflow in float16: that is their format on a GPU, and any CPU may have it, too, for
    memory's sake. Changes are said.
    """
    import torch

    if large and config.dtype == "bfloat16" and device.type == "cpu":
        return torch.bfloat16
    if large and config.dtype == "auto" and device.type != "cpu":
        return pick_dtype(config.model_copy(update={"dtype": "bfloat16"}), device)
    if device.type == "cpu":
        return _of_cpu(config, large)
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


def _of_cpu(config: DiffusionConfig, large: bool) -> torch.dtype:
    import torch

    fast = counts_in_bfloat16(config)
    if config.dtype == "float16" or (config.dtype == "bfloat16" and not fast):
        say_once(
            f"dtype {config.dtype} is off: this cpu does not count in it, and some crash; using float32."
        )
    others = [] if large else [name for name, there in _in_float32(config).items() if there]
    if config.dtype == "bfloat16" and fast and others and config.runtime != "openvino":
        say_once(f"dtype bfloat16 is off with {' and '.join(others)}, which takes float32.")
    return torch.bfloat16 if fast and not others else torch.float32


def _in_float32(config: DiffusionConfig) -> dict[str, bool]:
    """What takes float32 on a CPU, whatever it counts in."""
    # with these torch draws, whatever was asked for
    hindered = config.controlnet_id is not None or config.deepcache > 1 or config.cross_frame > 0
    # nothing but torch counts in bfloat16 then
    alone = config.runtime == "auto" and importlib.util.find_spec("openvino") is None
    return {
        f"runtime {config.runtime}": config.runtime != "torch" and not hindered and not alone,
        "quantize int8": config.quantize == "int8" and config.runtime != "openvino",
    }


def precision(dtype: Any) -> dict[str, Any]:
    """The number format as diffusers' argument, which was ``torch_dtype`` before 1.0."""
    from diffusers.utils import deprecation_utils

    renamed = hasattr(deprecation_utils, "_resolve_dtype")
    return {"dtype" if renamed else "torch_dtype": dtype}
