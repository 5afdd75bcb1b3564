"""Trained networks to ONNX: float16 weights, float32 arithmetic, checked against torch."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from phosphene.training.autoencoder import Decoder, Encoder
from phosphene.training.unet import UNet

OPSET = 18
DENOISER_INPUTS = (
    "latent",
    "timestep",
    "text",
    "previous",
    "has_previous",
    "history_noise",
    "audio",
)
_SPATIAL = {0: "batch", 2: "height", 3: "width"}


class FrameEncoder(nn.Module):
    """uint8 (b, h, w, 3) to latents."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, frames: Tensor) -> Tensor:
        latent: Tensor = self.encoder(frames.permute(0, 3, 1, 2).float() / 255)
        return latent


class FrameDecoder(nn.Module):
    """Latents to uint8 (b, 8h, 8w, 3)."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, latent: Tensor) -> Tensor:
        rgb = (self.decoder(latent) * 255).clamp(0, 255).round()
        frames: Tensor = rgb.permute(0, 2, 3, 1).to(torch.uint8)
        return frames


def example_inputs(
    net: UNet, batch: int, height: int, width: int, seed: int = 0
) -> tuple[Tensor, ...]:
    """Random denoiser inputs in the order of `DENOISER_INPUTS`."""
    gen = torch.Generator().manual_seed(seed)
    cfg = net.cfg
    return (
        torch.randn(batch, cfg.latent, height, width, generator=gen),
        torch.rand(batch, generator=gen),
        torch.randn(batch, 1, cfg.text, generator=gen),
        torch.randn(batch, cfg.latent, height, width, generator=gen),
        (torch.rand(batch, generator=gen) > 0.5).float(),
        0.5 * torch.rand(batch, generator=gen),
        torch.rand(batch, cfg.audio, generator=gen),
    )


def export_encoder(encoder: Encoder, path: Path) -> float:
    """Write encoder.onnx; returns the largest difference from torch."""
    frames = torch.randint(0, 256, (2, 64, 48, 3), dtype=torch.uint8)
    axes = {"frames": {0: "batch", 1: "height", 2: "width"}, "latent": _SPATIAL}
    return _export(FrameEncoder(encoder), (frames,), ("frames",), "latent", axes, path)


def export_decoder(decoder: Decoder, path: Path, latent: int = 8) -> float:
    """Write decoder.onnx; returns the largest difference from torch, in grey levels."""
    example = torch.randn(2, latent, 8, 6)
    axes = {"latent": _SPATIAL, "frames": {0: "batch", 1: "height", 2: "width"}}
    return _export(FrameDecoder(decoder), (example,), ("latent",), "frames", axes, path)


def export_denoiser(net: UNet, path: Path) -> float:
    """Write denoiser.onnx; returns the largest difference from torch."""
    axes = {name: {0: "batch"} for name in DENOISER_INPUTS}
    axes |= {
        "latent": _SPATIAL,
        "previous": _SPATIAL,
        "velocity": _SPATIAL,
        "text": {0: "batch", 1: "tokens"},
    }
    return _export(net, example_inputs(net, 2, 16, 12), DENOISER_INPUTS, "velocity", axes, path)


def _export(
    module: nn.Module,
    example: tuple[Tensor, ...],
    inputs: tuple[str, ...],
    output: str,
    axes: dict[str, dict[int, str]],
    path: Path,
) -> float:
    path.parent.mkdir(parents=True, exist_ok=True)
    module = module.cpu().float().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # the tracing exporter: its graphs are smaller and need no extra package
        torch.onnx.export(
            module,
            example,
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=[output],
            dynamic_axes=axes,
        )
    model = onnx.load(str(path))
    halve_weights(model)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return parity(module, example, inputs, path)


def halve_weights(model: onnx.ModelProto, smallest: int = 256) -> None:
    """Store float32 weights as float16 with a Cast; ONNX Runtime folds the Cast when it opens the file."""
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims, dtype=int) < smallest:
            continue
        name = tensor.name
        half = numpy_helper.from_array(
            numpy_helper.to_array(tensor).astype(np.float16), f"{name}_f16"
        )
        tensor.CopyFrom(half)
        casts.append(helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


@torch.no_grad()
def parity(
    module: nn.Module, example: tuple[Tensor, ...], inputs: tuple[str, ...], path: Path
) -> float:
    """Largest absolute difference between torch and ONNX Runtime on the example."""
    import onnxruntime as ort

    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feeds = {name: value.numpy() for name, value in zip(inputs, example, strict=True)}
    (got,) = session.run(None, feeds)
    wanted: npt.NDArray[np.float32] = module(*example).numpy().astype(np.float32)
    return float(np.abs(np.asarray(got, np.float32) - wanted).max())
