"""LoRAs on MLX draw what they draw on torch, in both key conventions, for matrices and kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel

from phosphene.errors import ModelError
from tests.diffusion.mlx.tools import load, load_mlx, off, predict, relative
from tests.diffusion.sd.loras import CROSS_LAYER, LAYER, make_lora
from tests.diffusion.sd.tools import warnings
from tests.diffusion.sd.trees import HIDDEN

pytestmark = pytest.mark.usefixtures("offline")

KERNEL = "down_blocks.0.resnets.0.conv1"
TEXT = "encoder.layers.0.self_attn.q_proj"


def save(path: Path, halves: dict[str, tuple[Any, ...]], alpha: float | None = None) -> Path:
    """A LoRA of kohya's layout: by layer, the shapes of down and up."""
    random, weights = torch.Generator().manual_seed(3), {}
    for name, (down, up) in halves.items():
        for kind, shape in (("down", down), ("up", up)):
            weights[f"{name}.lora_{kind}.weight"] = 0.3 * torch.randn(shape, generator=random)
        if alpha is not None:
            weights[f"{name}.alpha"] = torch.tensor(alpha)
    save_file(weights, path)
    return path


@pytest.mark.parametrize("convention", ["kohya", "peft"])
def test_matrices(mlx_trees: dict[str, Path], tmp_path: Path, convention: str) -> None:
    tree = mlx_trees["turbo"]
    loras = []
    for index, (layer, wide) in enumerate(((LAYER, 16), (CROSS_LAYER, HIDDEN))):
        file = tmp_path / f"{index}.safetensors"
        make_lora(file, convention, layer, (16, wide), seed=index)
        loras.append({"id": str(file), "scale": 0.2 - 0.5 * index})
    got = predict(load_mlx(tree, loras=loras))
    assert off(got, predict(load(tree, "cpu", loras=loras))) < 1e-4
    assert off(got, predict(load_mlx(tree))) > 1e-2


def test_kernels(mlx_trees: dict[str, Path], tmp_path: Path) -> None:
    tree, name = mlx_trees["turbo"], f"lora_unet_{KERNEL.replace('.', '_')}"
    halves = {name: ((4, 16, 3, 3), (16, 4, 1, 1))}
    file = str(save(tmp_path / "kernel.safetensors", halves, alpha=2.0))
    got = predict(load_mlx(tree, lora_id=file))
    assert off(got, predict(load(tree, "cpu", lora_id=file))) < 1e-4
    assert off(got, predict(load_mlx(tree))) > 1e-3


def test_text(mlx_trees: dict[str, Path], tmp_path: Path) -> None:
    """Added by hand to transformers' weights, for its names and diffusers' do not always agree."""
    tree, name = mlx_trees["turbo"], f"lora_te_text_model_{TEXT.replace('.', '_')}"
    file = save(tmp_path / "text.safetensors", {name: ((4, HIDDEN), (HIDDEN, 4))}, alpha=2.0)
    halves = load_file(file)
    added = halves[f"{name}.lora_up.weight"] @ halves[f"{name}.lora_down.weight"] * (2.0 / 4)
    encoder = CLIPTextModel.from_pretrained(tree / "text_encoder")
    tokens = torch.tensor([[514, 12, 30, 515]])
    with torch.no_grad():
        encoder.get_submodule(TEXT).weight += added
        expected = encoder(tokens)[0].numpy()
    got, _ = load_mlx(tree, lora_id=str(file))._nets.texts[0](tokens.tolist())
    assert off(got, expected) < 1e-4
    plain, _ = load_mlx(tree)._nets.texts[0](tokens.tolist())
    assert off(got, plain) > 1e-3


def test_packed_weights_take_one_too(
    mlx_trees: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOSPHENE_CACHE", str(tmp_path / "cache"))
    tree, file = mlx_trees["turbo"], tmp_path / "lora.safetensors"
    make_lora(file, "kohya", CROSS_LAYER, (16, HIDDEN))
    exact = predict(load_mlx(tree, lora_id=str(file)))
    packed = predict(load_mlx(tree, lora_id=str(file), quantize="8"))
    assert 0 < relative(packed, exact) < 0.03


def test_a_few_step_loras_family(mlx_trees: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "Hyper-SD15-1step-lora.safetensors"
    make_lora(file, "kohya", size=(32, 32))
    for device in ("cpu", "mlx"):
        base = load(mlx_trees["eps"], device, lora_id=str(file))
        assert base.family.name == "hyper"  # type: ignore[attr-defined]


def test_live_scales_are_said_to_be_off(
    mlx_trees: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "lora.safetensors"
    make_lora(file, "peft")
    load_mlx(mlx_trees["turbo"], loras=[{"id": str(file), "live": True}])
    assert any("live is off" in line for line in warnings(caplog))


def test_what_does_not_fit(mlx_trees: dict[str, Path], tmp_path: Path) -> None:
    tree, file = mlx_trees["turbo"], tmp_path / "lora.safetensors"

    def refused(message: str) -> None:
        with pytest.raises(ModelError, match=message):
            load_mlx(tree, lora_id=str(file))

    make_lora(file, "kohya", CROSS_LAYER, (16, 2048))
    refused("is for SDXL")
    make_lora(file, "kohya", "input_blocks.4.1.to_q")
    refused("nothing that fits this model")
    save_file({"unet.processor.weight": torch.zeros(2)}, file)
    refused("not known")
    save_file({f"unet.{LAYER}.lora_A.weight": torch.zeros(4, 16)}, file)
    refused("cut short")
    save_file({}, file)
    refused("holds nothing")
    make_lora(file, "kohya", size=(16, 24))
    refused("is for another model")
    np.testing.assert_allclose(
        predict(load_mlx(tree)), predict(load_mlx(tree)), rtol=1e-5, atol=1e-5
    )
