"""The built-in model on MLX: the numbers of ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from phosphene.config import DiffusionConfig, InferenceConfig, StreamConfig
from phosphene.diffusion.lsd.nets import WEIGHTS, open_session
from phosphene.diffusion.mlx.graph import Graph
from phosphene.diffusion.registry import load_pipeline
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.errors import ModelError
from phosphene.stream.noise import gaussian
from tests.diffusion.mlx.tools import off, relative

SIZE = InferenceConfig(height=64, width=64)
SIDES = {"batch": 2, "height": 16, "width": 24, "slots": 3}
"""of fields"""


@pytest.fixture(scope="module")
def remembering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network of the present kind, with memory, warping and a source."""
    from phosphene.diffusion.lsd.modules.lsd import LSD
    from phosphene.training.export import export, lsd_graph
    from tests.training.test_nets import TINY, shaken

    folder = tmp_path_factory.mktemp("lsd")
    export(lsd_graph(shaken(LSD(TINY))), folder / "denoiser.onnx")
    return folder


def feeds(session: onnxruntime.InferenceSession) -> dict[str, np.ndarray]:
    rng, given = np.random.default_rng(0), {}
    for each in session.get_inputs():
        shape = [SIDES.get(side, 1) if isinstance(side, str) else side for side in each.shape]
        # flags, levels and ages are 0 or more
        value = rng.normal(size=shape) if len(shape) > 2 else rng.random(shape)
        given[each.name] = value.astype(np.float32)
    return given


@pytest.mark.parametrize("net", ["denoiser", "sharpener", "untrained"])
def test_networks_equal_onnx_runtime(net: str, remembering: Path) -> None:
    path = remembering / "denoiser.onnx" if net == "untrained" else WEIGHTS / f"{net}.onnx"
    session = open_session(path, 1)
    given = feeds(session)
    [expected] = session.run(None, given)
    [got] = Graph(path)({name: mx.array(value) for name, value in given.items()})
    assert off(got, expected) < 1e-4


def test_a_stream_equals_onnx_runtimes() -> None:
    shown: list[list[Any]] = []
    for device in ("cpu", "mlx"):
        base = load_pipeline(DiffusionConfig(device=device, threads=1), SIZE)
        config = StreamConfig(stream_batch=False, add_noise=False, anchor=0.3)
        stream, embeds = StreamDiffusionPipeline(base, config), base.encode_prompt("red waves")
        anchor = base.recall(embeds).latent
        frames = [
            stream.step_latent(
                gaussian(1, frame, 0, stream.get_latent_shape()),
                embeds,
                anchor=anchor,
                anchor_weight=0.3,
            )
            for frame in range(3)
        ]
        # both paint the same field: rounded to shades, the last bit of a half is a whole shade
        field = base.asarray(shown[0][2]) if shown else frames[-1]
        picture = base.decode(field)
        again = base.decode(base.encode_image(shown[0][3].astype(np.uint8) if shown else picture))
        shown.append([*map(np.asarray, frames), picture.astype(int), again.astype(int)])
    *latents, picture, again = zip(*shown, strict=True)
    for expected, got in latents:
        assert relative(got, expected) < 1e-3
    for expected, got in (picture, again):
        assert np.abs(got - expected).max() <= 2


def one_node(tmp_path: Path, op: str, shapes: list[list[int]], **settings: Any) -> Path:
    names = [f"x{i}" for i in range(len(shapes))]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in zip(names, shapes, strict=True)
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(
        [helper.make_node(op, names, ["y"], **settings)], op, inputs, [output]
    )
    opsets = [helper.make_opsetid("", 18)]
    path = tmp_path / f"{op}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), str(path))
    return path


@pytest.mark.parametrize(
    ("op", "shapes", "settings"),
    [
        ("Conv", [[1, 3, 7, 8], [4, 3, 3, 3], [4]], {"pads": [1, 0, 2, 1], "strides": [2, 1]}),
        ("Conv", [[2, 4, 6, 6], [8, 2, 3, 3]], {"pads": [2] * 4, "dilations": [2, 2], "group": 2}),
        ("Gemm", [[5, 2], [3, 5], [3]], {"transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0}),
        ("DepthToSpace", [[1, 8, 2, 3]], {"blocksize": 2, "mode": "DCR"}),
        ("DepthToSpace", [[1, 8, 2, 3]], {"blocksize": 2, "mode": "CRD"}),
        ("InstanceNormalization", [[2, 3, 4, 5], [3], [3]], {"epsilon": 1e-3}),
        ("Softmax", [[2, 3, 4]], {"axis": 1}),
        (
            "GridSample",
            [[1, 2, 5, 6], [1, 3, 4, 2]],
            {"padding_mode": "border", "mode": "linear", "align_corners": 0},
        ),
        (
            "GridSample",
            [[1, 2, 5, 6], [1, 3, 4, 2]],
            {"padding_mode": "border", "mode": "linear", "align_corners": 1},
        ),
    ],
)
def test_operations_equal_onnx_runtime(
    tmp_path: Path, op: str, shapes: list[list[int]], settings: dict[str, Any]
) -> None:
    if op == "GridSample":
        # its modes had other names before opset 20
        settings = settings | {"mode": "bilinear"}
    path, rng = one_node(tmp_path, op, shapes, **settings), np.random.default_rng(0)
    given = {f"x{i}": rng.normal(size=shape).astype(np.float32) for i, shape in enumerate(shapes)}
    [expected] = open_session(path, 1).run(None, given)
    taken = {name: mx.array(value) for name, value in given.items()}
    if op == "Conv":
        # kernels are constants in real files, and laid out when they are read
        model = onnx.load(str(path))
        del model.graph.input[1]
        model.graph.initializer.append(onnx.numpy_helper.from_array(given["x1"], "x1"))
        onnx.save(model, str(path))
        del taken["x1"]
    [got] = Graph(path)(taken)
    assert off(got, expected) < 1e-5


def test_an_unknown_operation_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds a Hardmax, which MLX cannot run: use device cpu"):
        Graph(one_node(tmp_path, "Hardmax", [[2, 3]]))
