"""OpenVINO draws what torch draws; auto measures once, keeps it and says it; what cannot be says why."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from phosphene.config import DiffusionConfig, InferenceConfig
from phosphene.diffusion import runtimes
from phosphene.diffusion.lsd.nets import LsdNets, LsdOpenvinoNets
from phosphene.diffusion.lsd.pipeline import LSDPipeline
from phosphene.stream.conditioning import Context
from tests.diffusion.sd.tools import load, load_xl, noise, pictures, predict, warnings

pytest.importorskip("openvino")

CTRL_C_LATER = """
import faulthandler, signal, threading
from phosphene.diffusion.lsd.nets import LsdOpenvinoNets

faulthandler.enable()
nets = [LsdOpenvinoNets("cpu", 1)]
nets[0].rehearse()
other = threading.Thread(target=nets.clear)
other.start()
other.join()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("heard")
"""
"""a show changes its model while it plays, and ends with Ctrl-C"""

pytestmark = pytest.mark.usefixtures("offline")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOSPHENE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def close(got: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("tree", ["xl"])
def test_it_draws_the_same(trees: dict[str, Path], tree: str) -> None:
    make = load_xl if tree == "xl" else load
    plain, fast = make(trees[tree]), make(trees[tree], runtime="openvino")
    assert next(fast._nets.unet.parameters()).is_meta
    assert all(next(net.encoder.parameters()).is_meta for net in fast._prompts.nets)
    for prompt in ("red", "a (cat:1.3)"):
        close(fast.encode_prompt(prompt), plain.encode_prompt(prompt))
    close(predict(fast), predict(plain))
    # other batches and sizes than it was compiled for
    wide = torch.cat([noise(2), noise(2, seed=1)], dim=3)
    embeds, t = plain.encode_prompt(["red", "cat"]), torch.tensor([700.0, 100.0])
    close(fast.denoise(wide, t, embeds, Context()), plain.denoise(wide, t, embeds, Context()))
    close(predict(fast), predict(plain))
    close(fast.encode_image(pictures()), plain.encode_image(pictures()))
    assert np.abs(fast.decode(wide).astype(int) - plain.decode(wide)).max() <= 1


def test_eight_bits_are_near(trees: dict[str, Path], cache: Path) -> None:
    pytest.importorskip("nncf")
    plain = predict(load(trees["eps"]))
    packed = predict(load(trees["eps"], runtime="openvino", quantize="int8"))
    assert list(cache.rglob("int8.xml"))
    assert 0 < (packed - plain).abs().mean() < 0.05 * plain.abs().mean()


def test_auto_measures_once_and_says_what_it_picked(
    trees: dict[str, Path], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from phosphene.diffusion.notices import say_once

    monkeypatch.setattr(runtimes, "PATIENCE_SECONDS", 0.05)
    model = load(trees["eps"], runtime="auto")
    close(predict(model), predict(load(trees["eps"])))
    (first,) = [line for line in warnings(caplog) if "runtime auto" in line]
    assert "measured now" in first and all(name in first for name in ("torch", "onnx", "openvino"))
    monkeypatch.setattr(runtimes, "_seconds", None)
    caplog.clear()
    say_once.cache_clear()
    load(trees["eps"], runtime="auto")
    (again,) = [line for line in warnings(caplog) if "runtime auto" in line]
    assert again == first.replace("measured now", "measured before")


def test_the_fastest_is_taken_and_what_fails_is_named(caplog: pytest.LogCaptureFixture) -> None:
    import time

    def broken() -> Any:
        raise RuntimeError("no such device")

    ways = {"slow": lambda: lambda: time.sleep(0.02), "fast": lambda: lambda: None, "none": broken}
    assert runtimes.fastest("it", ways) == "fast"
    assert any("does without none: no such device" in line for line in warnings(caplog))
    # a file that was torn is measured anew
    (runtimes.cache_folder() / "runtimes.json").write_text('{"a": ')
    assert runtimes.fastest("it", ways) == "fast"


@pytest.mark.parametrize(
    ("settings", "missing", "expected"),
    [
        ({"openvino_device": "npu"}, None, "OpenVINO finds no npu here, only cpu"),
        ({}, "openvino", "pip install 'phosphene[openvino]'"),
        ({"quantize": "int8"}, "nncf", "pip install nncf"),
    ],
)
def test_what_cannot_be_says_why(
    trees: dict[str, Path],
    settings: dict[str, Any],
    missing: str | None,
    expected: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if missing is not None:
        hide(monkeypatch, missing)
    model = load(trees["eps"], runtime="openvino", **settings)
    assert any("runtime openvino is off" in line and expected in line for line in warnings(caplog))
    close(predict(model), predict(load(trees["eps"])))


def hide(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """As if it were not installed."""
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == package else found(name)
    )
    monkeypatch.setitem(sys.modules, package, None)


def test_the_built_in_model(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = InferenceConfig(height=256, width=256)
    plain = LSDPipeline(DiffusionConfig(), size)
    fast = LSDPipeline(DiffusionConfig(runtime="openvino"), size)
    assert isinstance(fast._nets, LsdOpenvinoNets)
    latents = np.random.default_rng(0).normal(size=(1, 2, 64, 64)).astype(np.float32)
    embeds = plain.encode_prompt("red marble")
    one, two = (
        each.denoise(latents, np.ones(1, np.float32), embeds, Context()) for each in (plain, fast)
    )
    np.testing.assert_allclose(two, one, atol=1e-3)
    assert np.abs(plain.decode(latents).astype(int) - fast.decode(latents)).mean() < 0.1
    monkeypatch.setattr(runtimes, "PATIENCE_SECONDS", 0.05)
    caplog.clear()
    chosen = LSDPipeline(DiffusionConfig(runtime="auto"), size)
    (said,) = [line for line in warnings(caplog) if "runtime auto" in line]
    assert isinstance(chosen._nets, LsdOpenvinoNets) == ("openvino draws" in said)
    assert isinstance(chosen._nets, LsdNets)


def test_ctrl_c_is_heard_after_another_thread_let_a_model_go() -> None:
    done = subprocess.run([sys.executable, "-c", CTRL_C_LATER], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "heard\n"), done.stderr
