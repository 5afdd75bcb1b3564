"""Networks as ONNX files: the same numbers as torch, in float and in 8 bits, at any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from phosphene.diffusion.lsd.nets import LsdNets, open_session  # noqa: E402
from phosphene.training.export import (  # noqa: E402
    decoder_graph,
    encoder_graph,
    example_inputs,
    export,
    lsd_graph,
)
from phosphene.training.nets.codec import Autoencoder, AutoencoderConfig, LargeDecoder  # noqa: E402
from phosphene.training.nets.lsd import LSD  # noqa: E402
from phosphene.training.quantise import export_int8, psnr_between  # noqa: E402
from tests.training.test_nets import TINY, shaken  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("onnx")


@pytest.fixture(scope="module")
def net() -> LSD:
    net = shaken(LSD(TINY))
    assert isinstance(net, LSD)
    return net


@pytest.fixture(scope="module")
def codec() -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(AutoencoderConfig(8, 8, 16, 16, 8, 1, 1)).eval().requires_grad_(False)


def test_codec_agrees_with_torch(codec: Autoencoder, folder: Path) -> None:
    assert export(encoder_graph(codec.encoder), folder / "encoder.onnx") < 0.02
    # grey levels
    assert export(decoder_graph(codec.decoder), folder / "decoder.onnx") <= 2
    nets = LsdNets(threads=1, weights=folder)
    frames = np.random.default_rng(0).integers(0, 256, (1, 32, 80, 3), dtype=np.uint8)
    latents = nets.encode(frames)
    assert latents.shape == (1, 8, 4, 10)
    wanted = codec.encoder(torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255)
    assert np.allclose(latents, wanted.numpy(), atol=0.02)
    assert nets.decode(latents).shape == frames.shape


def test_large_decoder_agrees_with_torch_in_float_and_nearly_in_8_bits(
    codec: Autoencoder, folder: Path
) -> None:
    torch.manual_seed(1)
    large = LargeDecoder(codec.cfg).eval().requires_grad_(False)
    large.start_from(codec.decoder)
    graph = decoder_graph(large)
    assert export(graph, folder / "large-float.onnx") <= 2
    pictures = [{"latent": torch.randn(1, 8, 4, 6).numpy()} for _ in range(6)]
    export_int8(graph, pictures, folder / "decoder-large.onnx")
    both = folder / "large-float.onnx", folder / "decoder-large.onnx"
    assert psnr_between(*both, pictures) > 30
    nets = LsdNets(threads=1, weights=folder)
    assert nets.has_large
    assert nets.decode_large(pictures[0]["latent"]).shape == (1, 64, 96, 3)


def test_denoiser_agrees_with_torch_at_another_size_and_memory(net: LSD, folder: Path) -> None:
    assert export(lsd_graph(net), folder / "denoiser.onnx") < 0.02
    session = open_session(folder / "denoiser.onnx", 1)
    x = example_inputs(net, 3, 8, 20, seed=5)
    names = [entry.name for entry in session.get_inputs()]
    fed = {name: getattr(x, name).numpy() for name in names}
    (got,) = session.run(None, fed)
    assert np.allclose(got, net(*x.tensors()).numpy(), atol=0.02)
    fewer = dict(fed, memory=fed["memory"][:, :1], memory_age=fed["memory_age"][:, :1])
    assert session.run(None, fewer)[0].shape == got.shape


def test_nets_tell_the_graph_what_they_know(net: LSD, folder: Path) -> None:
    export(lsd_graph(net), folder / "denoiser.onnx")
    nets = LsdNets(threads=1, weights=folder)
    assert nets.has_memory
    rng = np.random.default_rng(0)
    x, last, before = rng.standard_normal((3, 1, 8, 8, 8)).astype(np.float32)
    text, t = np.ones((1, 1, 12), np.float32), np.array([0.6], np.float32)
    memory = rng.standard_normal((1, 4, 8, 8, 8)).astype(np.float32)
    ages = np.array([[20, 13, 0, 1]], np.float32)
    whole = {"previous": last, "before": before, "memory": memory, "memory_age": ages, "source": x}
    base = nets.denoise(x, t, text, **whole)
    for name in ("previous", "before", "memory", "source"):
        less = {**whole, name: None}
        if name == "memory":
            less["memory_age"] = None
        assert np.abs(nets.denoise(x, t, text, **less) - base).mean() > 1e-5, name
    assert np.abs(nets.denoise(x, t, text, history_noise=0.5, **whole) - base).mean() > 1e-5


def test_eight_bits_stay_close(codec: Autoencoder, folder: Path) -> None:
    graph = decoder_graph(codec.decoder)
    export(graph, folder / "float.onnx")
    rng = np.random.default_rng(0)
    feeds = [{"latent": rng.standard_normal((1, 8, 8, 8)).astype(np.float32)} for _ in range(12)]
    export_int8(graph, feeds[:8], folder / "int8.onnx")
    assert psnr_between(folder / "float.onnx", folder / "int8.onnx", feeds[8:]) > 30
    # and it really counts in 8 bits
    import onnx

    graph_of_it = onnx.load(str(folder / "int8.onnx")).graph
    kernels = [one for one in graph_of_it.initializer if len(one.dims) == 4]
    eight = [one for one in kernels if one.data_type == onnx.TensorProto.INT8]
    # but for the last convolution
    assert len(eight) == len(kernels) - 1 > 0
