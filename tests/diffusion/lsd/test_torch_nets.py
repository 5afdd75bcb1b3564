"""The built-in model in torch draws what it draws with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from phosphene.config import DiffusionConfig, InferenceConfig, StreamConfig
from phosphene.diffusion.lsd.nets import LsdNets
from phosphene.diffusion.lsd.pipeline import LSDPipeline
from phosphene.diffusion.lsd.torch_nets import LsdTorchNets
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.kernels.choose import Operations
from phosphene.stream.conditioning import Context
from tests.diffusion.uncaptured import Uncaptured
from tests.nosync import NoSync

CPU = torch.device("cpu")
FloatArray = npt.NDArray[np.float32]
BOUND = 1e-4


def normal(*shape: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="module")
def onnx() -> LsdNets:
    return LsdNets(threads=2)


@pytest.fixture(scope="module")
def nets() -> LsdTorchNets:
    return LsdTorchNets(CPU)


@pytest.fixture(scope="module")
def remembering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained denoiser of the kind with a context memory."""
    from phosphene.diffusion.lsd.modules.condition import ConditionConfig
    from phosphene.diffusion.lsd.modules.diffusion import DiffusionConfig as Widths
    from phosphene.diffusion.lsd.modules.lsd import LSD, LSDConfig
    from phosphene.training.export import export, lsd_graph

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("lsd")
    widths = Widths(widths=(8, 16, 32), blocks=(1, 1, 2), groups=4)
    net = LSD(LSDConfig(widths, ConditionConfig(width=32)))
    for weight in net.parameters():
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.05)
    export(lsd_graph(net), folder / "denoiser.onnx")
    return folder


def close(got: torch.Tensor, expected: FloatArray) -> None:
    np.testing.assert_allclose(got.numpy(), expected, atol=BOUND, rtol=BOUND)


def same_but_for_roundings(got: torch.Tensor, expected: FloatArray) -> None:
    """Where sums lie between two of 8 bits' steps, libraries differ."""
    gap = np.abs(got.numpy() - expected)
    assert gap.max() < 0.05 and gap.mean() < 1e-3


def test_the_shipped_sharpener(onnx: LsdNets, nets: LsdTorchNets) -> None:
    field = np.clip(normal(2, 2, 24, 40), -1, 1)
    close(nets.sharpen(field), onnx.sharpen(field))


@pytest.mark.parametrize("size", [(24, 32), (32, 32)])
@pytest.mark.parametrize("past", [False, True])
def test_the_shipped_denoiser(
    onnx: LsdNets, nets: LsdTorchNets, size: tuple[int, int], past: bool
) -> None:
    x, text, t = normal(2, 2, *size), normal(2, 1, 128, seed=1), np.float32([0.9, 0.3])
    told = {"audio": np.random.default_rng(2).random((2, 5), np.float32), "history_noise": 0.2}
    told |= {"previous": normal(2, 2, *size, seed=3)} if past else {}
    close(nets.denoise(x, t, text, **told), onnx.denoise(x, t, text, **told))


@pytest.mark.parametrize("names", [(), ("previous",), ("previous", "before", "memory", "source")])
def test_a_denoiser_with_memory(remembering: Path, names: tuple[str, ...]) -> None:
    onnx, nets = LsdNets(1, remembering), LsdTorchNets(CPU, remembering)
    told = {name: normal(2, 2, 16, 24, seed=i) for i, name in enumerate(names)}
    if "memory" in told:
        told["memory"] = normal(2, 4, 2, 16, 24, seed=9)
        told["memory_age"] = np.float32([[30, 0, 2, 1], [0, 0, 0, 5]])
    x, text, t = normal(2, 2, 16, 24, seed=4), normal(2, 1, 128), np.float32([1.0, 0.4])
    close(nets.denoise(x, t, text, **told), onnx.denoise(x, t, text, **told))


def test_its_norms_are_found_and_the_kernel_may_draw_them(nets: LsdTorchNets) -> None:
    x, text, t = normal(1, 2, 16, 16), normal(1, 1, 128), np.float32([0.5])
    calls: list[int] = []

    def counted(*given: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return nets._operations.norm_silu_film(*given)

    plain = nets._operations
    own = Operations(plain.blend_pack, plain.stream_step, plain.memory_readout, counted)
    other = LsdTorchNets(CPU, operations=own)
    close(other.denoise(x, t, text), nets.denoise(x, t, text).numpy())
    # two in both of its outer blocks, one in each of its eight mixers, and one at the end
    assert len(calls) == 13


def test_a_step_waits_for_nothing_and_is_recorded_once(nets: LsdTorchNets) -> None:
    capture = Uncaptured()
    fixed = LsdTorchNets(CPU, capture=capture)
    text = torch.from_numpy(normal(1, 1, 128))
    for call in range(3):
        x = torch.from_numpy(normal(1, 2, 16, 16, seed=call))
        past = torch.from_numpy(normal(1, 2, 16, 16, seed=10 + call))
        t = torch.full((1,), 0.3 + 0.2 * call)
        got = fixed.denoise(x, t, text, previous=past, history_noise=0.1 * call)
        close(got, nets.denoise(x, t, text, previous=past, history_noise=0.1 * call).numpy())
    assert capture.captures == 1
    with torch.inference_mode(), NoSync():
        fixed.denoise(x, t, text, previous=past)


def model(size: int = 64) -> LSDPipeline:
    return LSDPipeline(DiffusionConfig(), InferenceConfig(height=size, width=size))


def on_torch(size: int = 64) -> LSDPipeline:
    """As with device cuda on a machine that has it."""
    pipeline = model(size)
    pipeline._nets = LsdTorchNets(CPU)
    return pipeline


def test_a_stream_is_the_same(onnx: LsdNets) -> None:
    frame = np.random.default_rng(5).integers(0, 256, (64, 64, 3), np.uint8)
    found = []
    for pipeline in (model(), on_torch()):
        stream = StreamDiffusionPipeline(pipeline, StreamConfig(strength=0.5))
        embeds = pipeline.encode_prompt("red galaxy")
        anchor = pipeline.recall(embeds, 1).latent
        latents = [
            stream.step_latent(
                pipeline.asarray(normal(*pipeline.get_latent_shape(), seed=i)),
                embeds,
                image=frame if i == 2 else None,
                anchor=anchor,
                anchor_weight=0.2,
                context=Context(controls=pipeline.asarray(np.full((1, 5), 0.4, np.float32))),
            )
            for i in range(4)
        ]
        found.append((latents[-1], pipeline.decode(latents[-1])))
    (expected, picture), (got, drawn) = found
    assert isinstance(got, torch.Tensor) and isinstance(expected, np.ndarray)
    same_but_for_roundings(got, expected)
    assert np.abs(drawn.astype(int) - picture).max() <= 2


def test_a_missing_gpu_is_said(caplog: pytest.LogCaptureFixture) -> None:
    from phosphene.diffusion.notices import say_once

    say_once.cache_clear()
    if not torch.cuda.is_available():
        config = DiffusionConfig(device="cuda", kernels=True)
        pipeline = LSDPipeline(config, InferenceConfig(height=64, width=64))
        assert isinstance(pipeline._nets, LsdNets)
        told = [record.getMessage() for record in caplog.records]
        assert told[0].startswith("device 'cuda' is off")
        assert told[1] == "kernels is off: the built-in model runs on the CPU."
