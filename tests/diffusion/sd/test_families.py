"""Families are found from configs and files, and set what they want."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from phosphene.config import PipelineConfig
from phosphene.diffusion.checkpoints import families, source
from phosphene.diffusion.registry import pipeline_class
from phosphene.diffusion.sd.sd15 import SD15Pipeline
from phosphene.diffusion.sd.sdxl import SDXLPipeline
from phosphene.errors import ModelError

pytestmark = pytest.mark.usefixtures("offline")


@pytest.mark.parametrize(
    ("tree", "base", "family"),
    [
        ("eps", "sd1", "base"),
        ("v", "sd2", "base"),
        ("turbo", "sd1", "turbo"),
        ("lcm", "sd1", "lcm"),
        ("sdxs", "sd1", "sdxs"),
        ("xl", "sdxl", "lightning"),
        ("xl-turbo", "sdxl", "turbo"),
        ("xl-base", "sdxl", "base"),
    ],
)
def test_families_of_trees(trees: dict[str, Path], tree: str, base: str, family: str) -> None:
    found = source.inspect(str(trees[tree]))
    assert families.base_of(found.configs, tree) == base
    assert families.family_of(found.configs).name == family
    expected = SDXLPipeline if base == "sdxl" else SD15Pipeline
    assert pipeline_class(str(trees[tree])) is expected


def test_v_prediction_to_pure_noise_is_not_taken_for_turbo() -> None:
    scheduler = {
        "_class_name": "EulerDiscreteScheduler",
        "timestep_spacing": "trailing",
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
    }
    assert families.family_of({"unet": {}, "scheduler": scheduler}).name == "base"


@pytest.mark.parametrize(
    ("lora", "family", "steps"),
    [
        ("latent-consistency/lcm-lora-sdv1-5", "lcm", 2),
        ("latent-consistency/lcm-lora-sdxl", "lcm", 2),
        ("ByteDance/Hyper-SD/Hyper-SD15-1step-lora.safetensors", "hyper", 1),
        ("ByteDance/Hyper-SD/Hyper-SDXL-4steps-lora.safetensors", "lightning", 4),
        ("ByteDance/SDXL-Lightning/sdxl_lightning_2step_lora.safetensors", "lightning", 2),
        ("someone/paper-cut.safetensors", None, None),
    ],
)
def test_few_step_loras_by_their_published_names(
    lora: str, family: str | None, steps: int | None
) -> None:
    found = families.family_of_lora(lora)
    assert (found and found.name, found and found.steps) == (family, steps)


def test_a_family_suggests_and_the_user_wins(trees: dict[str, Path]) -> None:
    config = PipelineConfig.from_dict(
        {"diffusion": {"model": str(trees["lcm"])}, "stream": {"tcd_gamma": 0.9}}
    )
    SD15Pipeline.suggest(config)
    stream, inference = config.stream, config.inference
    assert (stream.denoising_steps, stream.stepper, stream.add_noise) == (2, "lcm", True)
    assert (stream.guidance_mode, stream.tcd_gamma) == ("none", 0.9)
    assert (config.transform.steps, config.transform.batch) == (2, 8)
    assert (inference.num_inference_steps, inference.width, inference.height) == (4, 64, 64)

    config = PipelineConfig.from_dict(
        {"diffusion": {"model_id": str(trees["xl-base"]), "cross_frame": 1}}
    )
    SDXLPipeline.suggest(config)
    assert (config.stream.guidance_mode, config.stream.guidance_scale) == ("full", 5.0)
    assert (config.transform.steps, config.transform.batch) == (4, 1)

    forced = {"model_id": str(trees["eps"]), "family": "hyper"}
    config = PipelineConfig.from_dict({"diffusion": forced})
    SD15Pipeline.suggest(config)
    assert (config.stream.stepper, config.stream.tcd_gamma) == ("tcd", 1.0)


def test_a_checkpoint_that_is_not_here_suggests_nothing() -> None:
    config = PipelineConfig()
    SD15Pipeline.suggest(config)
    assert config == PipelineConfig()


def _configs(**unet: Any) -> dict[str, dict[str, Any]]:
    usual = {"in_channels": 4, "out_channels": 4, "cross_attention_dim": 768}
    return {"unet": usual | unet, "text_encoder": {}, "scheduler": {}}


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        (_configs(in_channels=9), "inpainting or editing"),
        (_configs(addition_embed_type="image"), "not a Stable Diffusion"),
        ({"unet": {"in_channels": 16, "out_channels": 16}}, "not a Stable Diffusion"),
        ({"unet": _configs(addition_embed_type="text_time")["unet"]}, "refiner"),
    ],
)
def test_other_networks_are_refused(configs: dict[str, dict[str, Any]], expected: str) -> None:
    with pytest.raises(ModelError, match=expected):
        families.base_of(configs, "it")


def test_a_tree_for_the_other_pipeline_says_which(trees: dict[str, Path]) -> None:
    from tests.diffusion.sd.tools import load, load_xl

    with pytest.raises(ModelError, match="--model sdxl"):
        load(trees["xl"])
    with pytest.raises(ModelError, match="--model sd15"):
        load_xl(trees["eps"])


def test_a_header_is_read_without_torch(tmp_path: Path) -> None:
    header = {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
    text = json.dumps(header).encode()
    file = tmp_path / "a.safetensors"
    file.write_bytes(len(text).to_bytes(8, "little") + text + bytes(24))
    assert source.read_header(file) == {"a": (2, 3)}
    assert source.parameters({"a": (2, 3), "b": ()}) == 7
    for broken in (b"", b"12345678", file.read_bytes()[:-1], file.read_bytes() + b"0", b"\0" * 99):
        file.write_bytes(broken)
        with pytest.raises(ModelError, match="broken"):
            source.read_header(file)
