"""Loading Stable Diffusion 1.5: every source, what cannot be on, and what is broken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from phosphene.config import DiffusionConfig
from phosphene.diffusion import sd15, torch_device
from phosphene.diffusion.sd15 import SD15Pipeline
from phosphene.errors import MissingExtraError, ModelError
from tests.diffusion.sd_tools import SIZE, load, noise, pictures, plain, predict, warnings
from tests.diffusion.tiny_sd import (
    LORA_LAYER,
    make_lora,
    make_single_file,
    make_tiny_vae,
    make_tree,
)

pytestmark = pytest.mark.usefixtures("offline")


def test_a_missing_tiny_vae_is_said_once(
    trees: dict[str, Path], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    full = load(trees["v"]).decode(noise())
    assert not warnings(caplog)
    for _ in range(2):
        assert np.array_equal(load(trees["v"], use_tiny_vae=True).decode(noise()), full)
    (message,) = warnings(caplog)
    assert message.startswith("use_tiny_vae is off")
    assert "hub cannot be reached" in message
    other = shutil.copytree(trees["v"], tmp_path / "other")
    make_tiny_vae(other / "taesd", latent_channels=16)
    load(other, use_tiny_vae=True)
    assert "other latents" in warnings(caplog)[-1]


@pytest.mark.parametrize("convention", ["kohya", "peft"])
def test_a_lora_is_fused(trees: dict[str, Path], tmp_path: Path, convention: str) -> None:
    added = make_lora(tmp_path / "lora.safetensors", convention)
    before, after = (
        load(trees["eps"]),
        load(trees["eps"], lora_id=str(tmp_path / "lora.safetensors")),
    )
    assert (predict(after) - predict(before)).abs().max() > 1e-4
    pipe = plain(trees["eps"])
    layer = pipe.unet.get_submodule(LORA_LAYER)
    with torch.no_grad():
        layer.weight += added
        embeds = before.encode_prompt("red")
        expected = pipe.unet(noise(), 700, encoder_hidden_states=embeds).sample
    torch.testing.assert_close(predict(after), expected, rtol=1e-5, atol=1e-5)


def test_a_single_file_equals_its_tree(
    trees: dict[str, Path], pipeline: SD15Pipeline, tmp_path: Path
) -> None:
    make_single_file(trees["eps"], tmp_path / "model.safetensors")
    shutil.copytree(
        trees["eps"], tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors")
    )
    single = load(tmp_path / "model.safetensors")
    assert torch.equal(predict(single), predict(pipeline))
    assert np.array_equal(single.decode(noise()), pipeline.decode(noise()))
    assert torch.equal(single.encode_image(pictures()), pipeline.encode_image(pictures()))


def test_dtypes(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def pick(dtype: Any, device: str) -> torch.dtype:
        return torch_device.pick_dtype(DiffusionConfig(dtype=dtype), torch.device(device))

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert pick("auto", "cpu") == torch.float32
    assert pick("auto", "cuda") == pick("auto", "mps") == torch.float16
    assert pick("bfloat16", "cuda") == torch.bfloat16
    assert pick("float32", "cuda") == torch.float32
    assert not warnings(caplog)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert pick("bfloat16", "cuda") == torch.float16
    assert pick("bfloat16", "cpu") == torch.float32
    assert len(warnings(caplog)) == 2


def test_what_cannot_be_on_is_said_once(
    trees: dict[str, Path], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no compiler here\nsecond line")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch, "compile", lambda unet: broken)
    for _ in range(2):
        ours = load(trees["eps"], device="cuda", dtype="float16", compile_unet=True)
    assert ours.asarray(np.zeros(2, np.float32)).device.type == "cpu"
    assert predict(ours).shape == (1, 4, 8, 8)
    said = warnings(caplog)
    assert len(said) == 3
    assert said[0].startswith("device 'cuda' is off")
    assert said[1].startswith("dtype float16 is off")
    assert said[2] == "compile_unet is off, the U-Net runs uncompiled: no compiler here."


def test_a_compiled_unet_is_warm_and_used(
    trees: dict[str, Path], pipeline: SD15Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def wrap(unet: Any) -> Any:
        def compiled(*args: Any, **settings: Any) -> Any:
            calls.append(args)
            return unet(*args, **settings)

        return compiled

    # the real one needs a C++ compiler and a minute
    monkeypatch.setattr(torch, "compile", wrap)
    compiled = load(trees["eps"], compile_unet=True)
    # it compiles at its first call, which must not be the first frame
    assert len(calls) == 1
    assert torch.equal(predict(compiled), predict(pipeline))
    assert len(calls) == 2


def test_the_default_is_a_hub_model(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ModelError, match=f"model {sd15.DEFAULT_MODEL} is not on this machine"):
        SD15Pipeline(DiffusionConfig(model="sd15", device="cpu"), SIZE)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nowhere", "there is no model at nowhere"),
        ("./no/where", "there is no model at"),
        ("no/where/model.safetensors", "there is no model at"),
        ("model.ckpt", "not a .safetensors file"),
        (__file__, "not a .safetensors file"),
        (" ", "there is no model at"),
    ],
)
def test_a_path_that_cannot_be_read(name: str, expected: str) -> None:
    with pytest.raises(ModelError, match=expected):
        load(name)


def test_broken_trees(trees: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"no model_index\.json"):
        load(tmp_path / "empty")
    (tmp_path / "text.safetensors").write_text("not weights")
    with pytest.raises(ModelError, match="broken: download it again"):
        load(tmp_path / "text.safetensors")
    torn = shutil.copytree(trees["eps"], tmp_path / "torn")
    weights = torn / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(ModelError, match="broken: download it again"):
        load(torn)
    weights.unlink()
    with pytest.raises(ModelError, match="cannot load model"):
        load(torn)


def test_another_family_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a text-to-image model of the Stable Diffusion 1"):
        load(make_tree(tmp_path / "inpainting", unet_channels=9))


def test_loras_that_cannot_be_used(trees: dict[str, Path], tmp_path: Path) -> None:
    from safetensors.torch import save_file

    def refuse(lora: Path | str, expected: str) -> None:
        with pytest.raises(ModelError, match=expected):
            load(trees["eps"], lora_id=str(lora))

    refuse(tmp_path / "none.safetensors", "there is no LoRA at")
    refuse("owner/name/file.safetensors", "the hub cannot be reached")
    refuse("latent-consistency/lcm-lora-sdv1-5", "the hub cannot be reached")
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(b"\0" * 100)
    refuse(torn, "broken: download it again")
    other = tmp_path / "other.safetensors"
    save_file({"transformer.blocks.0.attn.to_q.lora_A.weight": torch.zeros(4, 16)}, other)
    refuse(other, "holds nothing that fits")
    wide = tmp_path / "wide.safetensors"
    name = "unet." + LORA_LAYER
    down, up = torch.zeros(4, 640), torch.zeros(640, 4)
    save_file({f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}, wide)
    refuse(wide, "cannot load LoRA")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("GatedRepoError", "is gated: accept its terms"),
        ("RepositoryNotFoundError", "no public model"),
    ],
)
def test_the_hub_says_no(monkeypatch: pytest.MonkeyPatch, kind: str, expected: str) -> None:
    from diffusers import StableDiffusionPipeline

    # the real class needs an HTTP response, whose type differs between versions of the hub's client
    refusal = type(kind, (OSError,), {})

    def refuse(*_: Any, **__: Any) -> None:
        try:
            raise refusal("401")
        except OSError as error:
            raise OSError("wrapped") from error

    monkeypatch.setattr(StableDiffusionPipeline, "from_pretrained", refuse)
    with pytest.raises(ModelError, match=expected):
        load("owner/name")


@pytest.mark.parametrize("package", ["torch", "diffusers"])
def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match="Stable Diffusion needs the extra"):
        load("owner/name")


def test_nothing_heavy_is_imported_early() -> None:
    code = "import sys, phosphene.diffusion.sd15; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
