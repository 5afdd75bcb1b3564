"""Four frames of a seeded show for each kind of model, kept as pictures: a change of what is seen shows.

``make strips`` draws them anew; look at them before they are committed.
"""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from phosphene.config import DiffusionConfig, InferenceConfig, PipelineConfig, TimedPrompt
from phosphene.diffusion import BasePipeline
from phosphene.diffusion.lsd.pipeline import LSDPipeline
from phosphene.show.render import RenderOptions, source_frames
from phosphene.show.sources.song import SongSource
from tests.conftest import make_features

Strip = npt.NDArray[np.uint8]

HERE = Path(__file__).parent
MAKE = "PHOSPHENE_STRIPS"
"""set: strips are drawn anew, not compared"""
SHOWN = (0, 9, 18, 27)
"""frames of a song of 30: the first, before, in and after a change of prompt"""
MEAN = 0.05
"""most that a strip may differ in the mean, of 255: other instruction sets (SSE4, AVX2) differ by 0.0001,
networks whose numbers are wrong by 1 in 1,000 by 0.07, an ``anchor`` of 0.85 for 0.9 by 0.09"""
GAIN = 1.7
"""of a random decoder's layers: its pictures are almost of one colour without"""


def difference(one: Strip, other: Strip) -> float:
    """Mean distance of two pictures, of 255."""
    return float(np.abs(one.astype(np.int16) - other.astype(np.int16)).mean())


def draw(base: BasePipeline, **stream: Any) -> Strip:
    """The shown frames side by side: uint8 (height, 4 width, 3)."""
    config = PipelineConfig(diffusion=base.diffusion_config, inference=base.inference_config)
    config.audio.fps = 15
    config.prompt.base_prompt = "crimson and gold kaleidoscope"
    config.prompt.timeline = [TimedPrompt(at=1.0, prompt="teal ocean waves")]
    config.prompt.transition_seconds = 0.8
    config.stream.suggest(**stream)
    source = SongSource(make_features(SHOWN[-1] + 3, fps=15.0))
    frames = islice(source_frames(source, config, RenderOptions(), base), SHOWN[-1] + 1)
    return np.concatenate([frame for i, frame in enumerate(frames) if i in SHOWN], axis=1)


def check(name: str, strip: Strip) -> None:
    path = HERE / f"{name}.png"
    if os.environ.get(MAKE):
        Image.fromarray(strip).save(path, optimize=True)
        return
    with Image.open(path) as image:
        kept = np.asarray(image.convert("RGB"))
    assert strip.shape == kept.shape
    apart = difference(strip, kept)
    assert apart <= MEAN, (
        f"{name}: {apart:.2f} of 255 from {path.name} in the mean. Where that is meant: make strips"
    )


@pytest.fixture(scope="module")
def built_in() -> LSDPipeline:
    return LSDPipeline(DiffusionConfig(), InferenceConfig(height=128, width=128, seed=7))


def test_built_in_model(built_in: LSDPipeline) -> None:
    # one key in two frames: what moves between them is in the strip, too
    check("lsd", draw(built_in, cadence=2))


def test_a_slightly_weaker_hold_is_seen(built_in: LSDPipeline) -> None:
    strip = draw(built_in, cadence=2)
    assert difference(strip, draw(built_in, cadence=2, anchor=0.85)) > MEAN


@pytest.mark.parametrize("name", ["sd", "wan"])
def test_random_networks(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setenv("PHOSPHENE_CACHE", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        check(name, draw(load(name, tmp_path / name), cadence=1))
    finally:
        torch.set_num_threads(threads)


def load(name: str, folder: Path) -> BasePipeline:
    """A tiny model of a kind with random weights."""
    import torch

    from phosphene.diffusion import load_pipeline

    def brighter(net: Any, decoder: Any) -> Any:
        # as it is drawn at random, every layer lets less through
        for weight in decoder.parameters():
            weight.data *= GAIN
        return net

    if name == "sd":
        from tests.diffusion.sd.trees import make_tree, tiny_autoencoder

        torch.manual_seed(3)
        vae = tiny_autoencoder()
        model = make_tree(folder, "turbo", own_vae=brighter(vae, vae.decoder))
    else:
        from phosphene.diffusion.wan.tiny import Taehv
        from tests.diffusion.wan import trees

        torch.manual_seed(3)
        model = trees.diffusers_tree(folder / "framewise-2step", tiny=False)
        net = Taehv(trees.CHANNELS, (16, 8, 8, 8))
        torch.save(brighter(net, net.decoder).state_dict(), model / "taew2_1.pth")
    asked = DiffusionConfig(model=str(model), device="cpu")
    return load_pipeline(asked, InferenceConfig(height=64, width=64, seed=7))
