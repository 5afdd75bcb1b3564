"""Where the built-in model's networks run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.config import DiffusionConfig
from phosphene.diffusion import runtimes
from phosphene.diffusion.lsd.nets import LsdNets, LsdOpenvinoNets
from phosphene.diffusion.lsd.networks import Networks
from phosphene.diffusion.notices import first_line, say_once

if TYPE_CHECKING:
    from phosphene.diffusion.lsd.torch_nets import LsdTorchNets


def open_nets(config: DiffusionConfig, weights: Path) -> Networks:
    """torch for device cuda, ONNX Runtime otherwise; what is not there is said once."""
    if config.device == "cuda":
        found = _on_gpu(config, weights)
        if found is not None:
            return found
    elif config.device not in ("auto", "cpu"):
        say_once(f"the built-in model runs on the CPU, not on {config.device}.")
    if config.kernels:
        say_once("kernels is off: the built-in model runs on the CPU.")
    return _on_cpu(config, weights)


def _on_cpu(config: DiffusionConfig, weights: Path) -> Networks:
    """ONNX Runtime, or OpenVINO where that was asked for or measured to be faster."""
    usual = LsdNets(threads=config.threads, weights=weights)
    if config.runtime in ("torch", "onnx"):
        return usual
    if config.runtime == "tensorrt":
        say_once("runtime tensorrt is off: the built-in model has onnx, openvino and auto.")
        return usual
    if config.runtime == "auto" and importlib.util.find_spec("openvino") is None:
        say_once("runtime auto: onnx draws, the package openvino is not installed.")
        return usual
    try:
        intel = LsdOpenvinoNets(config.openvino_device, config.threads, weights)
        if config.runtime == "openvino":
            intel.rehearse()
            return intel
        model = f"lsd {weights} {config.threads} {config.openvino_device}"
        ways = {"onnx": lambda: usual.rehearse, "openvino": lambda: intel.rehearse}
        return intel if runtimes.fastest(model, ways) == "openvino" else usual
    except Exception as error:
        say_once(f"runtime {config.runtime} is off, onnx draws: {first_line(error)}.")
        return usual


def _on_gpu(config: DiffusionConfig, weights: Path) -> LsdTorchNets | None:
    missing = [name for name in ("torch", "onnx") if importlib.util.find_spec(name) is None]
    if missing:
        say_once(
            f"device 'cuda' is off: it needs {' and '.join(missing)} (pip install 'phosphene[torch]');"
            " using the cpu."
        )
        return None
    import torch

    from phosphene.diffusion.lsd.torch_nets import LsdTorchNets
    from phosphene.diffusion.operations import chosen

    if not torch.cuda.is_available():
        say_once("device 'cuda' is off: torch finds none on this machine; using the cpu.")
        return None
    device = torch.device("cuda", torch.cuda.current_device())
    return LsdTorchNets(device, weights, chosen(config.kernels, device))
