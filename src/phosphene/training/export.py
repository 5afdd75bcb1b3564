"""Trained networks to ONNX: float16 weights with float32 arithmetic; checked against torch."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from phosphene.diffusion.lsd.feeds import PLAN_SIZE
from phosphene.diffusion.lsd.modules.lsd import HISTORY, INPUTS, LSD, Inputs, LSDConfig
from phosphene.diffusion.lsd.modules.read import HALF, SIZES
from phosphene.diffusion.lsd.modules.sharpener import Sharpener, SharpenerConfig
from phosphene.training.clips import MEMORIES

OPSET = 18
_SPATIAL = {0: "batch", 2: "height", 3: "width"}


@dataclass(frozen=True)
class Graph:
    """A network with what exporting needs to know: example inputs, names, and which axes may change."""

    module: nn.Module
    sizes: LSDConfig | SharpenerConfig
    example: tuple[Tensor, ...]
    inputs: tuple[str, ...]
    output: str
    axes: dict[str, dict[int, str]]


def lsd_graph(net: LSD) -> Graph:
    """One step of a stream."""
    axes: dict[str, dict[int, str]] = {name: {0: "batch"} for name in INPUTS}
    axes |= {
        "latent": _SPATIAL,
        "source": _SPATIAL,
        "velocity": _SPATIAL,
        "text": {0: "batch", 1: "tokens"},
        "history": {0: "batch", 3: "height", 4: "width"},
        "memory": {0: "batch", 1: "slots", 3: "height", 4: "width"},
        "memory_age": {0: "batch", 1: "slots"},
    }
    return Graph(net, net.cfg, example_inputs(net, 2, 32, 24).tensors(), INPUTS, "velocity", axes)


def sharpener_graph(net: Sharpener) -> Graph:
    """Fields to fields of four times their size."""
    field = (
        2 * torch.rand(2, net.cfg.planes, 24, 16, generator=torch.Generator().manual_seed(0)) - 1
    )
    axes = {"field": _SPATIAL, "fine": {0: "batch", 2: "fine_height", 3: "fine_width"}}
    return Graph(net, net.cfg, (field,), ("field",), "fine", axes)


def example_inputs(net: LSD, batch: int, height: int, width: int, seed: int = 0) -> Inputs:
    """Random arguments of one step."""
    gen = torch.Generator().manual_seed(seed)
    c = net.cfg.diffusion.latent

    def normal(*shape: int) -> Tensor:
        return torch.randn(batch, *shape, generator=gen)

    def some(*shape: int) -> Tensor:
        return torch.rand(batch, *shape, generator=gen)

    return Inputs(
        latent=normal(c, height, width),
        timestep=0.1 + 0.9 * some(),
        text=normal(1, net.cfg.condition.text),
        history=normal(HISTORY, c, height, width),
        has_history=(some(HISTORY) > 0.5).float(),
        history_level=some(),
        memory=normal(MEMORIES, c, height, width),
        memory_age=(some(MEMORIES) * 60).round() - 20 * (some(MEMORIES) > 0.7),
        source=normal(c, height, width),
        has_source=(some() > 0.5).float(),
        audio=some(net.cfg.condition.audio),
        plan=normal(PLAN_SIZE),
        has_plan=(some() > 0.5).float(),
    )


def export(graph: Graph, path: Path) -> float:
    """Write a network with float16 weights; returns the largest difference from torch.

    Weights keep their names, so that training can go on from the file: see `start.shipped`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # nothing in these networks behaves otherwise in training, but there the exporter leaves equal weights
    # apart; it would give one name to two
    module = graph.module.cpu().float().train()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # the tracing exporter: its graphs are smaller and need no extra package
        torch.onnx.export(
            module,
            graph.example,
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(graph.inputs),
            output_names=[graph.output],
            dynamic_axes=graph.axes,
            training=torch.onnx.TrainingMode.PRESERVE,
            # folded weights would be transposed, and without their names
            do_constant_folding=False,
        )
    module.eval()
    model = onnx.load(str(path))
    halve_weights(model)
    helper.set_model_props(model, {SIZES: json.dumps(asdict(graph.sizes))})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return parity(graph, path)


def halve_weights(model: onnx.ModelProto, smallest: int = 256) -> None:
    """Store float32 weights as float16 with a Cast, which ONNX Runtime folds when it opens the file."""
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims, dtype=int) < smallest:
            continue
        name = tensor.name
        half = numpy_helper.from_array(
            numpy_helper.to_array(tensor).astype(np.float16), f"{name}{HALF}"
        )
        tensor.CopyFrom(half)
        casts.append(helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


@torch.no_grad()
def parity(graph: Graph, path: Path) -> float:
    """Largest absolute difference between torch and ONNX Runtime on the example."""
    import onnxruntime as ort

    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feeds = {name: value.numpy() for name, value in zip(graph.inputs, graph.example, strict=True)}
    (got,) = session.run(None, feeds)
    wanted: npt.NDArray[np.float32] = graph.module(*graph.example).numpy().astype(np.float32)
    return float(np.abs(np.asarray(got, np.float32) - wanted).max())
