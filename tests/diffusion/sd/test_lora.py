"""LoRAs: both key conventions, several at once, live scales there and back, and those that do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from phosphene.diffusion.checkpoints.lora import check_fit
from phosphene.diffusion.sd.sd15 import SD15Pipeline
from phosphene.errors import ModelError
from tests.diffusion.sd.loras import CROSS_LAYER, LAYER, make_lora
from tests.diffusion.sd.tools import assert_same, load, plain, predict
from tests.diffusion.sd.trees import HIDDEN

pytestmark = pytest.mark.usefixtures("offline")


def expected(tree: Path, added: dict[str, torch.Tensor]) -> torch.Tensor:
    """What the net predicts with matrices added to its weights by hand."""
    model = load(tree)
    with torch.no_grad():
        for layer, matrix in added.items():
            model._nets.unet.get_submodule(layer).weight += matrix
    return predict(model)


def test_several_with_scales(trees: dict[str, Path], tmp_path: Path) -> None:
    one = make_lora(tmp_path / "one.safetensors", "kohya")
    two = make_lora(tmp_path / "two.safetensors", "peft", CROSS_LAYER, (16, HIDDEN), seed=2)
    loras = [
        {"id": str(tmp_path / "one.safetensors"), "scale": 0.5},
        {"id": str(tmp_path / "two.safetensors"), "scale": -0.7},
    ]
    got = predict(load(trees["eps"], loras=loras))
    want = expected(trees["eps"], {LAYER: 0.5 * one, CROSS_LAYER: -0.7 * two})
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("convention", ["kohya", "peft"])
def test_a_live_scale_goes_there_and_back(
    trees: dict[str, Path], pipeline: SD15Pipeline, tmp_path: Path, convention: str
) -> None:
    file = tmp_path / "lora.safetensors"
    added = make_lora(file, convention)
    model = load(trees["eps"], loras=[{"id": str(file), "scale": 0.0, "live": True}])
    assert_same(predict(model), predict(pipeline))
    for scale in (1.0, 0.25, -2.0):
        model.diffusion_config.loras[0].scale = scale
        want = expected(trees["eps"], {LAYER: scale * added})
        torch.testing.assert_close(predict(model), want, rtol=1e-5, atol=1e-5)
    fused = predict(load(trees["eps"], loras=[{"id": str(file), "scale": -2.0}]))
    torch.testing.assert_close(predict(model), fused, rtol=1e-5, atol=1e-5)
    model.diffusion_config.loras[0].scale = 0.0
    assert_same(predict(model), predict(pipeline))


def test_a_fixed_one_and_a_live_one(trees: dict[str, Path], tmp_path: Path) -> None:
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    fixed, moving = make_lora(one, "kohya"), make_lora(two, "peft", seed=3)
    model = load(
        trees["eps"], lora_id=str(one), loras=[{"id": str(two), "scale": 0.5, "live": True}]
    )
    want = expected(trees["eps"], {LAYER: fixed + 0.5 * moving})
    torch.testing.assert_close(predict(model), want, rtol=1e-5, atol=1e-5)
    model.diffusion_config.loras[0].scale = 0.0
    want = expected(trees["eps"], {LAYER: fixed})
    torch.testing.assert_close(predict(model), want, rtol=1e-5, atol=1e-5)


def test_diffusers_fuse_and_unfuse_give_what_we_fuse(
    trees: dict[str, Path], tmp_path: Path
) -> None:
    file = tmp_path / "lora.safetensors"
    make_lora(file, "kohya")
    pipe = plain(trees["eps"])
    weight = pipe.unet.get_submodule(LAYER).weight.clone()
    pipe.load_lora_weights(str(tmp_path), weight_name=file.name)
    pipe.fuse_lora(lora_scale=0.6)
    layer = pipe.unet.get_submodule(LAYER).base_layer
    ours = load(trees["eps"], loras=[{"id": str(file), "scale": 0.6}])
    torch.testing.assert_close(ours._nets.unet.get_submodule(LAYER).weight, layer.weight)
    pipe.unfuse_lora()
    torch.testing.assert_close(layer.weight, weight, rtol=1e-5, atol=1e-6)


def test_a_lora_for_another_family(trees: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "sdxl.safetensors"
    for convention in ("kohya", "peft"):
        make_lora(file, convention, CROSS_LAYER, (16, 2048))
        with pytest.raises(ModelError, match=r"is for SDXL \(text width 2048\)"):
            load(trees["eps"], loras=[{"id": str(file)}])
    with pytest.raises(ModelError, match=r"is for SD 1 .*this model is SDXL"):
        check_fit({"unet.x.attn2.to_k.lora_A.weight": (4, 768)}, 2048, "it")


def test_a_folder_holds_one_lora(trees: dict[str, Path], tmp_path: Path) -> None:
    make_lora(tmp_path / "a.safetensors", "peft")
    by_file = load(trees["eps"], lora_id=str(tmp_path / "a.safetensors"))
    assert_same(predict(load(trees["eps"], lora_id=str(tmp_path))), predict(by_file))
    save_file({}, tmp_path / "b.safetensors")
    with pytest.raises(ModelError, match=r"holds 2 .safetensors files"):
        load(trees["eps"], lora_id=str(tmp_path))
