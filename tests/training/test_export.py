"""Networks as ONNX files: torch's answers at any size, and weights that training can go on from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from phosphene.diffusion.lsd.modules.lsd import LSD  # noqa: E402
from phosphene.diffusion.lsd.modules.plan import PlanReader  # noqa: E402
from phosphene.diffusion.lsd.modules.read import parameters  # noqa: E402
from phosphene.diffusion.lsd.modules.sharpener import Sharpener, SharpenerConfig  # noqa: E402
from phosphene.diffusion.lsd.nets import LsdNets, open_session  # noqa: E402
from phosphene.errors import ConfigError  # noqa: E402
from phosphene.training.export import (  # noqa: E402
    example_inputs,
    export,
    lsd_graph,
    sharpener_graph,
)
from phosphene.training.start import keep_reader, shipped  # noqa: E402
from tests.training.test_nets import TINY, shaken  # noqa: E402


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "weights"


@pytest.fixture(scope="module")
def net() -> LSD:
    net = shaken(LSD(TINY))
    assert isinstance(net, LSD)
    return net


@pytest.fixture(scope="module")
def sharpener() -> Sharpener:
    net = shaken(Sharpener(SharpenerConfig(width=8, blocks=1)))
    assert isinstance(net, Sharpener)
    return net


def test_sharpener_agrees_with_torch_at_another_size(sharpener: Sharpener, folder: Path) -> None:
    assert export(sharpener_graph(sharpener), folder / "sharpener.onnx") < 0.01
    field = (2 * np.random.default_rng(0).random((3, 2, 16, 40)) - 1).astype(np.float32)
    fine = LsdNets(threads=1, weights=folder).sharpen(field)
    assert fine.shape == (3, 2, 64, 160)
    assert np.allclose(fine, sharpener(torch.from_numpy(field)).numpy(), atol=0.01)


def test_denoiser_agrees_with_torch_at_another_size_and_memory(net: LSD, folder: Path) -> None:
    assert export(lsd_graph(net), folder / "denoiser.onnx") < 0.02
    session = open_session(folder / "denoiser.onnx", 1)
    x = example_inputs(net, 3, 16, 40, seed=5)
    names = [entry.name for entry in session.get_inputs()]
    fed = {name: getattr(x, name).numpy() for name in names}
    (got,) = session.run(None, fed)
    assert np.allclose(got, net(*x.tensors()).numpy(), atol=0.02)
    more = dict(
        fed, memory=np.repeat(fed["memory"], 2, 1), memory_age=np.repeat(fed["memory_age"], 2, 1)
    )
    assert session.run(None, more)[0].shape == got.shape


def test_nets_tell_the_graph_what_they_know(net: LSD, folder: Path) -> None:
    export(lsd_graph(net), folder / "denoiser.onnx")
    nets = LsdNets(threads=1, weights=folder)
    rng = np.random.default_rng(0)
    x, last, before = rng.standard_normal((3, 1, 2, 16, 16)).astype(np.float32)
    text, t = np.ones((1, 1, 12), np.float32), np.array([0.6], np.float32)
    memory = rng.standard_normal((1, 4, 2, 16, 16)).astype(np.float32)
    ages = np.array([[20, 13, 0, 1]], np.float32)
    whole = {"previous": last, "before": before, "memory": memory, "memory_age": ages, "source": x}
    base = nets.denoise(x, t, text, **whole)
    for name in ("previous", "before", "memory", "source"):
        less = {**whole, name: None}
        if name == "memory":
            less["memory_age"] = None
        assert np.abs(nets.denoise(x, t, text, **less) - base).mean() > 1e-5, name
    assert np.abs(nets.denoise(x, t, text, history_noise=0.5, **whole) - base).mean() > 1e-5


def test_training_goes_on_from_exported_weights(
    net: LSD, sharpener: Sharpener, folder: Path
) -> None:
    """Every weight comes back under its own name, to the half precision that it was stored in."""
    export(lsd_graph(net), folder / "denoiser.onnx")
    export(sharpener_graph(sharpener), folder / "sharpener.onnx")
    reader = PlanReader(net.cfg.diffusion.latent, net.cfg.condition.text)
    keep_reader(reader.state_dict(), folder)
    found = shipped(folder)
    for module, back in (
        (net, found.denoiser),
        (sharpener, found.sharpener),
        (reader, found.reader),
    ):
        state = module.state_dict()
        assert state.keys() == back.keys()
        for name, value in state.items():
            assert torch.allclose(back[name], value, rtol=1e-3, atol=1e-4), name
    assert parameters(folder / "denoiser.onnx").keys() == net.state_dict().keys()
    (folder / "sharpener.onnx").unlink()
    with pytest.raises(ConfigError, match="holds no sharpener"):
        shipped(folder)
