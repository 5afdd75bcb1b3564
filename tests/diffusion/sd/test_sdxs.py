"""SDXS: told by its config, one step from pure noise as diffusers draws it, a word on pictures going in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from phosphene.config import PipelineConfig, StreamConfig
from phosphene.diffusion.checkpoints import catalogue, families, source
from phosphene.diffusion.sd.sd15 import SD15Pipeline
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.errors import ConfigError
from tests.diffusion.sd.test_parity import close, ours, theirs
from tests.diffusion.sd.tools import load, noise, pictures, plain, warnings

pytestmark = pytest.mark.usefixtures("offline")


@pytest.mark.parametrize("steps", [1, 4])
def test_the_one_step_is_diffusers(trees: dict[str, Path], steps: int) -> None:
    from diffusers import LCMScheduler

    pipe, model = plain(trees["sdxs"]), load(trees["sdxs"])
    # the step from 999 to the clean picture is every solver's; LCM's at 999 adds nothing (its skip is 2e-5)
    pipe.scheduler = LCMScheduler.from_config(pipe.scheduler.config)
    expected = theirs(pipe, 1, noise(), guidance_scale=0, timesteps=[999])
    assert model.facts.schedule.steps(steps, 0.4).tolist() == [999.0]
    close(ours(model, steps), expected)
    frames = model.decode(expected)
    whole = pipe(
        "a (red cat", height=64, width=64, num_inference_steps=1, timesteps=[999], guidance_scale=0,
        latents=noise(), output_type="np",
    ).images  # fmt: skip
    assert np.abs(frames / 255.0 - whole).max() < 2 / 255


def test_its_settings_follow_from_its_config(trees: dict[str, Path], tmp_path: Path) -> None:
    config = PipelineConfig.from_dict({"diffusion": {"model": str(trees["sdxs"])}})
    SD15Pipeline.suggest(config)
    assert (config.stream.denoising_steps, config.stream.guidance_mode) == (1, "none")
    assert (config.inference.num_inference_steps, config.transform.steps) == (1, 1)
    assert "SDXS" in catalogue.describe(str(trees["sdxs"])).describe()
    with pytest.raises(ConfigError, match="999 alone"):
        load(trees["sdxs"]).facts.schedule.steps(1, indices=[20])
    # BK-SDM's tiny network has no middle either, and many steps
    other = shutil.copytree(trees["eps"], tmp_path / "bk")
    for part, told in (
        ("unet/config.json", {"mid_block_type": None}),
        ("scheduler/scheduler_config.json", {"_class_name": "PNDMScheduler"}),
    ):
        file = other / part
        file.write_text(json.dumps(json.loads(file.read_text()) | told))
    assert families.family_of(source.inspect(str(other)).configs).name == "base"


def test_pictures_going_in_are_spoken_of(
    trees: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    model = load(trees["sdxs"], use_tiny_vae=True, deepcache=2)
    config = StreamConfig(strength=0.3, enable_temporal_coherence=False)
    stream = StreamDiffusionPipeline(model, config)
    embeds = model.encode_prompt("red")
    frames = [stream.generate_frame(frame, embeds) for frame in pictures()]
    assert any("strength is off: sdxs" in line for line in warnings(caplog))
    assert frames[0].shape == (64, 64, 3)


def test_mlx_draws_it_too(trees: dict[str, Path]) -> None:
    pytest.importorskip("mlx.core")
    from tests.diffusion.mlx import tools

    theirs_now = tools.predict(tools.load(trees["sdxs"], "cpu"))
    got = tools.predict(tools.load_mlx(trees["sdxs"]))
    assert tools.off(got, theirs_now) < 1e-4
    there, here = (tools.load(trees["sdxs"], device) for device in ("cpu", "mlx"))
    latents = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(0)).numpy()
    one, two = (each.decode(each.asarray(latents)) for each in (there, here))
    assert np.abs(one.astype(int) - two.astype(int)).max() <= 1
