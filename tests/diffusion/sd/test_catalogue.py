"""`phosphene models`: what is here, what it is, what is pulled."""

from __future__ import annotations

from pathlib import Path

import pytest

from phosphene import cli
from phosphene.diffusion.checkpoints.catalogue import describe, files_to_pull
from phosphene.errors import ModelError

pytestmark = pytest.mark.usefixtures("offline")


def test_info_of_a_tree(trees: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "info", str(trees["xl"])]) == 0
    said = capsys.readouterr().out
    for expected in ("sdxl (sdxl)", "lightning", "epsilon", "64 px", "4 a frame", "trailing"):
        assert expected in said
    # networks counted once, the tiny autoencoder beside them not at all
    from tests.diffusion.sd.tools import plain

    pipe = plain(trees["xl"])
    parts = (pipe.unet, pipe.vae, pipe.text_encoder, pipe.text_encoder_2)
    numbers = sum(p.numel() for part in parts for p in part.parameters())
    assert describe(str(trees["xl"])).parameters == numbers


@pytest.mark.parametrize("action", ["info", "pull"])
def test_a_hub_model_offline(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", action, "no-such-owner/no-such-model"]) == 2
    said = capsys.readouterr().err
    assert "hub cannot be reached" in said
    assert said.count("\n") == 1


def test_list(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "none"))
    assert cli.main(["models", "list"]) == 0
    said = capsys.readouterr().out
    assert "on this machine:\n  none" in said
    assert "stabilityai/sd-turbo" in said


TREE = [
    "model_index.json",
    "README.md",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/diffusion_pytorch_model.non_ema.safetensors",
    "unet/diffusion_pytorch_model.bin",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
    "vae_1_0/diffusion_pytorch_model.fp16.safetensors",
    "safety_checker/model.safetensors",
    "tokenizer/merges.txt",
    "v1-5-pruned.safetensors",
]


def test_only_what_drawing_needs_is_pulled() -> None:
    assert files_to_pull(TREE, "it") == [
        "model_index.json",
        "unet/config.json",
        "vae/config.json",
        "tokenizer/merges.txt",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ]
    assert files_to_pull(["pytorch_lora_weights.safetensors", "README.md"], "it") == [
        "pytorch_lora_weights.safetensors"
    ]
    with pytest.raises(ModelError, match=r"such as it/one\.safetensors"):
        files_to_pull(["one.safetensors", "two.safetensors"], "it")
    with pytest.raises(ModelError, match=r"no \.safetensors weights"):
        files_to_pull(["model_index.json", "unet/diffusion_pytorch_model.bin"], "it")
