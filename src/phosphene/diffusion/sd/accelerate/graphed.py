"""Encoder, U-Net and decoder as captured CUDA graphs: three launches a frame, and nothing waits between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phosphene.diffusion.graphs import Capture, Graphed, Tensors
from phosphene.diffusion.notices import first_line, say_once
from phosphene.diffusion.sd.pictures import Pictures
from phosphene.diffusion.sd.unet import Example, Nets, PictureCall, UnetCall, UnetInputs

if TYPE_CHECKING:
    import torch


def use(
    nets: Nets, pictures: Pictures, example: Example, network: str, capture: Capture | None = None
) -> None:
    """Capture now, at the configured size; other sizes are captured when they first come.

    ``network`` names the model and its LoRAs. ``capture``: how, where it is not CUDA's.
    """
    import torch

    given = example(1)
    if given.latents.device.type != "cuda" and capture is None:
        say_once("cuda_graph is off: it needs an NVIDIA GPU.")
        return
    call = unet_graph(nets.call, network, capture)
    encode = _picture_graph(pictures.encode, f"{network} encoder", capture)
    decode = _picture_graph(pictures.decode, f"{network} decoder", capture)
    try:
        with torch.inference_mode():
            nets.rehearse(call, given)
            encode(decode(given.latents.float()))
    except Exception as error:
        say_once(f"cuda_graph is off: {first_line(error)}.")
        return
    nets.call, pictures.encode, pictures.decode = call, encode, decode


def unet_graph(call: UnetCall, network: str, capture: Capture | None) -> UnetCall:
    """A U-Net's call, however it was run so far, replayed."""
    graphed = Graphed(lambda tensors: call(UnetInputs.of(tensors)), f"{network} unet", capture)

    def replayed(given: UnetInputs) -> torch.Tensor:
        return graphed(given.tensors())

    return replayed


def _picture_graph(call: PictureCall, network: str, capture: Capture | None) -> PictureCall:
    def run(tensors: Tensors) -> torch.Tensor:
        return call(tensors["given"])

    graphed = Graphed(run, network, capture)

    def replayed(given: torch.Tensor) -> torch.Tensor:
        return graphed({"given": given})

    return replayed
