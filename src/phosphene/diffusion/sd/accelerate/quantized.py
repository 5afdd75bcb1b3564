"""Eight-bit matrices with torchao: int8 with scales per token, fp8 on GPUs that compute in it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Literal

from phosphene.diffusion.notices import first_line, say_once
from phosphene.diffusion.sd.unet import Example, Nets

if TYPE_CHECKING:
    import torch

FP8_CAPABILITY = (8, 9)
"""Ada and Hopper"""


def use(nets: Nets, kind: Literal["int8", "fp8"], example: Example) -> None:
    """Quantise the linear layers of the U-Net in place; pays with compile_unet, alone it is slower."""
    import torch

    try:
        quantization = importlib.import_module("torchao.quantization")
    except ImportError:
        say_once(f"quantize {kind} is off: it needs the package torchao (pip install torchao).")
        return
    device = next(nets.unet.parameters()).device
    if kind == "fp8" and (
        device.type != "cuda" or torch.cuda.get_device_capability(device) < FP8_CAPABILITY
    ):
        say_once("quantize fp8 is off: it needs an NVIDIA GPU of compute capability 8.9 or more.")
        return
    recipe = (
        quantization.Int8DynamicActivationInt8WeightConfig()
        if kind == "int8"
        else quantization.Float8DynamicActivationFloat8WeightConfig()
    )
    plain = {name: weight.data for name, weight in nets.unet.named_parameters()}
    try:
        quantization.quantize_(nets.unet, recipe)
        nets.rehearse(nets.call, example(1))
    except Exception as error:
        for name, weight in plain.items():
            _put_back(nets.unet, name, weight)
        say_once(f"quantize {kind} is off: {first_line(error)}.")


def _put_back(unet: torch.nn.Module, name: str, weight: torch.Tensor) -> None:
    import torch

    owner, _, leaf = name.rpartition(".")
    setattr(unet.get_submodule(owner), leaf, torch.nn.Parameter(weight, requires_grad=False))
