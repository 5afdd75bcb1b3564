"""Loading Stable Diffusion 1.5: every source, what cannot be on, and what is broken."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from phosphene.config import DiffusionConfig
from phosphene.diffusion.checkpoints import device as torch_device
from phosphene.diffusion.checkpoints.device import has_bfloat16
from phosphene.diffusion.registry import load_pipeline
from phosphene.diffusion.sd.sd15 import SD15Pipeline
from phosphene.errors import ConfigError, MissingExtraError, ModelError
from tests.diffusion.sd.loras import LAYER, make_lora
from tests.diffusion.sd.originals import make_single_file
from tests.diffusion.sd.tools import (
    SIZE,
    assert_same,
    assert_same_frames,
    load,
    noise,
    pictures,
    plain,
    predict,
    warnings,
)
from tests.diffusion.sd.trees import make_tiny_vae, make_tree

pytestmark = pytest.mark.usefixtures("offline")


def test_a_missing_tiny_vae_is_said_once(
    trees: dict[str, Path], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    full = load(trees["v"]).decode(noise())
    assert not warnings(caplog)
    for _ in range(2):
        assert_same_frames(load(trees["v"], use_tiny_vae=True).decode(noise()), full)
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
    layer = pipe.unet.get_submodule(LAYER)
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
    assert_same(predict(single), predict(pipeline))
    assert_same_frames(single.decode(noise()), pipeline.decode(noise()))
    assert_same(single.encode_image(pictures()), pipeline.encode_image(pictures()))


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


def test_a_cpu_counts_in_bfloat16_where_it_can(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib import util

    monkeypatch.setattr(torch_device, "has_bfloat16", lambda: True)

    def pick(**settings: Any) -> torch.dtype:
        return torch_device.pick_dtype(DiffusionConfig(**settings), torch.device("cpu"))

    assert pick() == pick(dtype="bfloat16") == torch.bfloat16
    assert pick(dtype="float32") == torch.float32
    # what takes float32 gets it; with auto, torch is the only one that counts in bfloat16 without OpenVINO
    assert (
        pick(runtime="openvino") == pick(runtime="onnx") == pick(quantize="int8") == torch.float32
    )
    for there, expected in ((None, torch.bfloat16), (object(), torch.float32)):
        monkeypatch.setattr(util, "find_spec", lambda _, there=there: there)
        assert pick(runtime="auto") == expected
    # where torch draws all the same
    for hindered in ({"deepcache": 2}, {"cross_frame": 1}, {"controlnet_id": "there"}):
        assert pick(runtime="openvino", **hindered) == torch.bfloat16
    assert pick(quantize="fp8") == torch.bfloat16
    config = DiffusionConfig(runtime="onnx", quantize="int8")
    assert torch_device.pick_dtype(config, torch.device("cpu"), large=True) == torch.bfloat16
    assert not warnings(caplog)
    assert pick(dtype="bfloat16", runtime="onnx") == pick(dtype="float16") == torch.float32
    assert len(warnings(caplog)) == 2


def test_what_a_processor_says_of_itself_is_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PHOSPHENE_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    # a process that dies of it
    deadly = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
    for trial, expected in ((deadly, False), ("print('lives')", True), (deadly, False)):
        monkeypatch.setattr(torch_device, "TRIAL", trial)
        has_bfloat16.cache_clear()
        assert has_bfloat16() is expected
    monkeypatch.setattr(sys, "executable", "")
    has_bfloat16.cache_clear()
    assert not has_bfloat16()
    monkeypatch.setattr(torch_device, "TRIAL", "print('lives')")
    has_bfloat16.cache_clear()
    # kept, as nothing can be started now
    assert has_bfloat16()
    # what fails for another reason is said, and tried again
    monkeypatch.undo()
    monkeypatch.setenv("PHOSPHENE_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    monkeypatch.setattr(torch_device, "TRIAL", "import there_is_no_such_module")
    has_bfloat16.cache_clear()
    assert not has_bfloat16()
    assert any("could not be tried here: ModuleNotFoundError" in line for line in warnings(caplog))
    assert len(json.loads((tmp_path / "runtimes.json").read_text())) == 2
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
    has_bfloat16.cache_clear()
    assert not has_bfloat16()
    has_bfloat16.cache_clear()


def test_the_trial_is_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    # in float32, which no processor dies of, and which counts the same
    monkeypatch.setattr(torch_device, "TRIAL", torch_device.TRIAL.replace("bfloat16", "float32"))
    assert torch_device._try_bfloat16() == {"survives": 1.0}


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_bfloat16_draws_about_the_same(
    trees: dict[str, Path], runtime: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PHOSPHENE_CACHE", str(tmp_path))
    if not has_bfloat16():
        pytest.skip("this processor does not count in bfloat16")
    exact = load(trees["eps"], use_tiny_vae=True)
    monkeypatch.setattr(torch_device, "has_bfloat16", lambda: True)
    fast = load(trees["eps"], use_tiny_vae=True, runtime=runtime)
    asked = load(trees["eps"], use_tiny_vae=True, runtime=runtime, dtype="float32")
    for made, told in ((fast, 0.03), (asked, 1e-4)):
        off = (predict(made) - predict(exact)).norm() / predict(exact).norm()
        assert (made is asked or off > 1e-4) and off < told
        assert made.encode_prompt("red").dtype == torch.float32
        apart = np.abs(made.decode(noise()).astype(int) - exact.decode(noise()))
        assert apart.max() <= (1 if made is asked else 6)
    assert fast.encode_image(pictures()).dtype == torch.float32


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
    assert_same(predict(compiled), predict(pipeline))
    assert len(calls) == 2


def test_the_default_is_a_hub_model(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(
        ModelError, match=f"model {SD15Pipeline.default_model} is not on this machine"
    ):
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
    with pytest.raises(ModelError, match="for inpainting or editing"):
        load(make_tree(tmp_path / "inpainting", in_channels=9))


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
    name = "unet." + LAYER
    down, up = torch.zeros(4, 640), torch.zeros(640, 4)
    save_file({f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}, wide)
    refuse(wide, "is for another model: its .* is .640, 640., not .16, 16.")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("GatedRepoError", "is gated: accept its terms"),
        ("RepositoryNotFoundError", "no public model"),
    ],
)
def test_the_hub_says_no(monkeypatch: pytest.MonkeyPatch, kind: str, expected: str) -> None:
    import huggingface_hub

    # the real class needs an HTTP response, whose type differs between versions of the hub's client
    refusal = type(kind, (OSError,), {})

    def refuse(*_: Any, **__: Any) -> None:
        try:
            raise refusal("401")
        except OSError as error:
            raise OSError("wrapped") from error

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(ModelError, match=expected):
        load("owner/name")


@pytest.mark.parametrize("package", ["torch", "diffusers"])
def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match="Stable Diffusion needs the extra"):
        load("owner/name")


HEAVY = "{'torch', 'diffusers', 'transformers', 'peft', 'safetensors'} & sys.modules.keys()"


@pytest.mark.parametrize(
    "code",
    [
        "import phosphene.cli, phosphene.diffusion.registry, phosphene.diffusion.sd.sdxl",
        # the built-in model draws
        "from phosphene.diffusion import *; from phosphene import PipelineConfig as P;"
        "c = P(); b = load_pipeline(c.diffusion, c.inference); b.suggest(c);"
        "import numpy as np;"
        "b.generate_batch(np.zeros(b.get_latent_shape(), np.float32), b.encode_prompt('red'))",
    ],
)
def test_nothing_heavy_is_imported_unless_it_is_asked_for(code: str) -> None:
    code = f"import sys; {code}; print({HEAVY} or 'light')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "light"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"control": "sound", "control_scale": 0.3}, "control and control_scale are off"),
        ({"depth_id": "a/b"}, "depth_id is off: there is no controlnet_id."),
        ({"cross_frame_interval": 2}, "cross_frame_interval is off: cross_frame is 0."),
        ({"lcm_guidance": 3.0}, "this checkpoint has no guidance built in"),
    ],
)
def test_a_setting_that_nothing_heeds_is_said(
    trees: dict[str, Path],
    caplog: pytest.LogCaptureFixture,
    settings: dict[str, Any],
    expected: str,
) -> None:
    load(trees["eps"], **settings)
    (message,) = warnings(caplog)
    assert expected in message


def test_threads_are_as_many_as_asked_for(trees: dict[str, Path]) -> None:
    assert torch.get_num_threads() == 1
    try:
        load(trees["eps"], threads=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_two_checkpoints_at_once_are_refused(trees: dict[str, Path]) -> None:
    config = DiffusionConfig(model=str(trees["eps"]), model_id=str(trees["v"]))
    with pytest.raises(ConfigError, match="are two checkpoints: drop one"):
        load_pipeline(config, SIZE)


def test_the_built_in_model_says_what_it_does_not_heed(caplog: pytest.LogCaptureFixture) -> None:
    load_pipeline(DiffusionConfig(deepcache=2, controlnet_id="a/b", threads=1), SIZE)
    assert warnings(caplog) == [
        "controlnet_id and deepcache are off: only Stable Diffusion has that."
    ]


def test_pickles_only_when_the_user_insists(trees: dict[str, Path], tmp_path: Path) -> None:
    tree = shutil.copytree(trees["eps"], tmp_path / "tree")
    for name in ("unet", "vae"):
        weights = tree / name / "diffusion_pytorch_model.safetensors"
        from safetensors.torch import load_file

        torch.save(load_file(weights), weights.with_suffix(".bin"))
        weights.unlink()
    with pytest.raises(ModelError, match="cannot load model"):
        load(tree)
    insisting = load(tree, allow_pickle=True)
    assert_same(predict(insisting), predict(load(trees["eps"])))


def test_a_cut_file_is_named(trees: dict[str, Path], tmp_path: Path) -> None:
    whole = make_single_file(trees["eps"], tmp_path / "model.safetensors")
    whole.write_bytes(whole.read_bytes()[:-10])
    with pytest.raises(ModelError, match=r"model\.safetensors is broken: download it again"):
        load(whole)


def test_a_lora_given_as_a_model(tmp_path: Path) -> None:
    make_lora(tmp_path / "lora.safetensors", "kohya")
    with pytest.raises(ModelError, match="a LoRA goes to lora_id"):
        load(tmp_path / "lora.safetensors")


def test_after_running_out_of_memory_a_smaller_setting_loads(
    trees: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from phosphene.diffusion.sd import pipeline as module

    held: list[weakref.ref[Any]] = []

    def exhausted(pipe: Any, *_: Any) -> None:
        held.append(weakref.ref(pipe.unet))
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(module, "_facts", exhausted)
        with pytest.raises(ModelError, match="not enough memory for model") as caught:
            load(trees["eps"])
    # while the error is still at hand, the half-loaded networks are not
    assert caught.value is not None
    assert held[0]() is None
    assert predict(load(trees["eps"])).isfinite().all()


def test_running_out_of_memory_while_drawing(trees: dict[str, Path]) -> None:
    model = load(trees["eps"])
    working = model._nets.call

    def exhausted(given: Any) -> torch.Tensor:
        return torch.empty(10**15)

    model._nets.call = exhausted
    with pytest.raises(ModelError, match="not enough memory to draw at 64x64"):
        predict(model)
    model._nets.call = working
    assert predict(model).isfinite().all()
