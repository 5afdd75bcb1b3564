"""Which pipeline a device gives, and what goes wrong, in one sentence each."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import huggingface_hub.constants
import mlx.core as mx
import numpy as np
import pytest

from phosphene.config import DiffusionConfig, PipelineConfig
from phosphene.diffusion import devices
from phosphene.diffusion.checkpoints.device import pick_device
from phosphene.diffusion.mlx import pipeline as on_mlx
from phosphene.diffusion.mlx.scheduler import alphas_cumprod
from phosphene.diffusion.sd.sd15 import SD15Pipeline
from phosphene.errors import ConfigError, MissingExtraError, ModelError
from phosphene.show import doctor
from tests.diffusion.mlx.tools import SIZE, load, load_mlx, predict
from tests.diffusion.sd.tools import warnings

pytestmark = pytest.mark.usefixtures("offline")


@pytest.fixture
def copy(mlx_trees: dict[str, Path], tmp_path: Path) -> Path:
    return shutil.copytree(mlx_trees["turbo"], tmp_path / "tree")


def test_the_device_gives_the_pipeline(mlx_trees: dict[str, Path]) -> None:
    assert type(load(mlx_trees["xl"], "mlx")) is on_mlx.MlxSDXLPipeline
    assert type(load(mlx_trees["eps"], "mlx")) is on_mlx.MlxSD15Pipeline
    assert type(load(mlx_trees["eps"], "cpu")) is SD15Pipeline
    assert type(load(mlx_trees["eps"], "auto")) is SD15Pipeline
    with pytest.raises(ConfigError, match="load_pipeline"):
        pick_device(DiffusionConfig(device="mlx"))


def test_both_suggest_the_same(mlx_trees: dict[str, Path]) -> None:
    suggested = []
    for kind in (SD15Pipeline, on_mlx.MlxSD15Pipeline):
        config = PipelineConfig.from_dict({"diffusion": {"model": str(mlx_trees["turbo"])}})
        kind.suggest(config)
        suggested.append(config)
    assert suggested[0] == suggested[1]
    assert suggested[0].stream.denoising_steps == 1


def test_what_mlx_does_not_heed_is_said_once(
    mlx_trees: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    load_mlx(mlx_trees["turbo"], deepcache=2, cuda_graph=True, use_tiny_vae=False, quantize="int8")
    said = warnings(caplog)
    assert any("cuda_graph and deepcache are off" in line for line in said)
    assert any("use_tiny_vae stays on" in line for line in said)
    assert any("quantize int8 is off" in line for line in said)
    load(mlx_trees["turbo"], "cpu", quantize="4")
    assert any("quantize 4 is off: device mlx has it" in line for line in warnings(caplog))


def test_a_model_of_the_hubs_cache(
    mlx_trees: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, tree in (("own/model", mlx_trees["turbo"]), ("madebyollin/taesd", None)):
        repo = tmp_path / f"models--{name.replace('/', '--')}"
        (repo / "refs").mkdir(parents=True)
        (repo / "refs" / "main").write_text("abc")
        shutil.copytree(tree or mlx_trees["turbo"] / "taesd", repo / "snapshots" / "abc")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    got = predict(load_mlx("own/model"))
    np.testing.assert_allclose(got, predict(load_mlx(mlx_trees["turbo"])), rtol=1e-5, atol=1e-5)
    shutil.rmtree(tmp_path / "models--own--model" / "snapshots" / "abc" / "text_encoder")
    with pytest.raises(ModelError, match="hub cannot be reached"):
        load_mlx("own/model")


@pytest.mark.parametrize("variant", ["", ".fp16"])
def test_weights_in_several_files(mlx_trees: dict[str, Path], copy: Path, variant: str) -> None:
    file = copy / "unet" / "diffusion_pytorch_model.safetensors"
    held = mx.load(str(file))
    mx.eval(held)
    file.unlink()
    names = sorted(held)
    places = {}
    for index, part in enumerate((names[::2], names[1::2])):
        shard = f"diffusion_pytorch_model{variant}-0000{index + 1}-of-00002.safetensors"
        mx.save_safetensors(str(copy / "unet" / shard), {name: held[name] for name in part})
        places |= dict.fromkeys(part, shard)
    told = json.dumps({"weight_map": places})
    (copy / "unet" / f"diffusion_pytorch_model.safetensors.index{variant}.json").write_text(told)
    np.testing.assert_allclose(
        predict(load_mlx(copy)), predict(load_mlx(mlx_trees["turbo"])), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("unet/diffusion_pytorch_model.safetensors", "no .safetensors weights"),
        ("text_encoder/config.json", "missing or broken"),
        ("tokenizer", "tokenizer is missing"),
        ("taesd", "tiny autoencoder .* not on this machine"),
    ],
)
def test_a_folder_that_is_not_whole(copy: Path, lost: str, message: str) -> None:
    target = copy / lost
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    with pytest.raises(ModelError, match=message):
        load_mlx(copy)


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("unet", {"layers_per_block": 3}, "lack 'down_blocks.0.resnets.2"),
        ("unet", {"act_fn": "gelu"}, "act_fn is 'gelu'"),
        ("unet", {"down_block_types": ["AttnDownBlock2D", "DownBlock2D"]}, "AttnDownBlock2D"),
        ("text_encoder", {"hidden_act": "relu"}, "'relu' is unknown"),
        ("scheduler", {"beta_schedule": "squaredcos_cap_v2"}, "'squaredcos_cap_v2' is unknown"),
        ("scheduler", {"prediction_type": "other"}, "predicts 'other'"),
        ("taesd", {"act_fn": "gelu"}, "not TAESD's"),
    ],
)
def test_another_architecture(copy: Path, part: str, change: dict, message: str) -> None:
    name = "scheduler_config.json" if part == "scheduler" else "config.json"
    file = copy / part / name
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ModelError, match=message):
        predict(load_mlx(copy))


def test_a_model_of_another_pipeline(copy: Path) -> None:
    with pytest.raises(ModelError, match="--model sdxl"):
        on_mlx.MlxSD15Pipeline(DiffusionConfig(model_id=str(_xl(copy))), SIZE)


def _xl(copy: Path) -> Path:
    """The same folder, said to be an SDXL's."""
    file = copy / "unet" / "config.json"
    told = json.loads(file.read_text()) | {"addition_embed_type": "text_time"}
    file.write_text(json.dumps(told))
    return copy


@pytest.mark.parametrize("schedule", ["linear", "scaled_linear"])
@pytest.mark.parametrize("to_zero", [False, True])
def test_schedules_equal_diffusers(schedule: str, to_zero: bool) -> None:
    import diffusers

    told = {"beta_schedule": schedule, "beta_start": 0.00085, "beta_end": 0.012}
    told |= {"num_train_timesteps": 1000, "rescale_betas_zero_snr": to_zero}
    expected = diffusers.DDIMScheduler(**told).alphas_cumprod.numpy()
    np.testing.assert_allclose(alphas_cumprod(told), expected, atol=1e-5)


def test_the_choice_and_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.choose("mlx") == devices.Choice("mlx", "asked for")
    assert devices.choose("auto").device in ("cuda", "mps", "cpu")
    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda name: None)
    assert devices.choose("auto").device == "cpu"
    assert "torch is not installed" in devices.choose("auto").why
    with pytest.raises(MissingExtraError, match=r"device mlx needs the extra \[mlx\]"):
        devices.require_mlx()


def run_without(packages: str, *args: object) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, as if ``packages`` were not installed."""
    code = (
        "import sys, importlib.util as u\n"
        f"lost, real = {packages.split()!r}, u.find_spec\n"
        "sys.modules.update(dict.fromkeys(lost))\n"
        "u.find_spec = lambda n, *a: None if n.split('.')[0] in lost else real(n, *a)\n"
        "from phosphene.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    told = [sys.executable, "-c", code, *map(str, args)]
    return subprocess.run(told, capture_output=True, text=True, timeout=120)


def test_the_doctor_says_what_was_chosen_and_why() -> None:
    found = {finding.topic: finding.text for finding in doctor.examine()}
    assert found["MLX"].startswith(f"mlx {version('mlx')} on the ")
    assert f"auto: {devices.choose('auto').device} for Stable Diffusion (torch" in found["device"]


@pytest.mark.parametrize("model", ["lsd", "turbo"])
def test_without_the_extra_it_is_one_sentence(model: str, mlx_trees: dict[str, Path]) -> None:
    place = mlx_trees.get(model, model)
    told = run_without("mlx", "dream", "--seconds", 1, "--device", "mlx", "--model", place)
    assert told.returncode == 2
    assert told.stderr.count("\n") == 1
    assert "device mlx needs the extra [mlx]: pip install 'phosphene[mlx]'" in told.stderr


def test_without_torch_it_draws(mlx_trees: dict[str, Path], tmp_path: Path) -> None:
    told = ("--seconds", 1, "--fps", 2, "--size", "64x64", "--device", "mlx")
    made = tmp_path / "out.mp4"
    done = run_without(
        "torch diffusers peft", "dream", "-o", made, *told, "--model", mlx_trees["xl"]
    )
    assert done.returncode == 0, done.stderr
    assert made.stat().st_size > 0
    # transformers need not say that it misses torch
    assert "PyTorch" not in done.stderr


def test_the_flags_take_what_the_config_takes() -> None:
    from typing import get_args

    from phosphene.commands.settings import DEVICES, QUANTIZED

    fields = DiffusionConfig.model_fields
    assert get_args(fields["device"].annotation) == DEVICES
    assert get_args(fields["quantize"].annotation) == QUANTIZED
    # as a number in a file
    assert DiffusionConfig.model_validate({"quantize": 4}).quantize == "4"
