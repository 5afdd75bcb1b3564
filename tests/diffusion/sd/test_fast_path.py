"""The fast path of Stable Diffusion: the same pictures, nothing waited for, nothing captured twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from phosphene.config import StreamConfig
from phosphene.diffusion.sd.accelerate import graphed, network_name, residual
from phosphene.diffusion.sd.pipeline import StableDiffusion
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.kernels.choose import PLAIN
from tests.diffusion.sd.tools import load, load_xl, noise, pictures, predict, warnings
from tests.diffusion.uncaptured import Uncaptured
from tests.nosync import NoSync

pytestmark = pytest.mark.usefixtures("offline")


def close(got: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("tree", ["eps", "lcm", "xl"])
def test_fused_attention_predicts_the_same(trees: dict[str, Path], tree: str) -> None:
    make = load_xl if tree.startswith("xl") else load
    close(predict(make(trees[tree], fuse_attention=True)), predict(make(trees[tree])))


def test_a_prompt_is_projected_once(
    trees: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(trees["turbo"], fuse_attention=True)
    project, seen = model._nets.prompt, []

    def counted(embeds: torch.Tensor) -> torch.Tensor:
        seen.append(embeds)
        return project(embeds)

    monkeypatch.setattr(model._nets, "prompt", counted)
    stream = StreamDiffusionPipeline(model, StreamConfig())
    red, cat = model.encode_prompt("red"), model.encode_prompt("cat")
    for prompt in (red, red, red, cat, cat):
        stream.step_latent(noise(), prompt)
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"token_merge": 0.5}, "token_merge"),
        ({"cross_frame": 1, "runtime": "onnx"}, "cross_frame and runtime"),
    ],
)
def test_what_cannot_be_fused_says_why(
    trees: dict[str, Path], settings: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    load(trees["eps"], fuse_attention=True, **settings)
    assert f"fuse_attention is off: it cannot be with {reason}" in warnings(caplog)[0]


@pytest.mark.parametrize("tree", ["eps", "xl"])
def test_residual_blocks_in_one_operation_draw_the_same(trees: dict[str, Path], tree: str) -> None:
    make = load_xl if tree.startswith("xl") else load
    plain, other = make(trees[tree]), make(trees[tree])
    residual.use(other._nets, PLAIN)
    assert "forward" in vars(other._nets.unet.mid_block.resnets[0])
    assert "forward" in vars(other._nets.vae.decoder.mid_block.resnets[0])
    close(predict(other), predict(plain))
    close(other.encode_image(pictures()), plain.encode_image(pictures()))


def in_graphs(model: StableDiffusion) -> Uncaptured:
    """As with cuda_graph on an NVIDIA GPU."""
    capture = Uncaptured()
    name = network_name(model.diffusion_config)
    graphed.use(model._nets, model._pictures, model._example, name, capture)
    return capture


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("red", {"strength": 0.6}),
    ("red", {"strength": 0.9}),
    ("a cat of (gold:1.3)", {"strength": 0.9, "seed": 7}),
    ("cat", {"strength": 0.5, "seed": 8}),
]
"""what changes from frame to frame"""


@pytest.mark.parametrize("fuse", [False, True])
def test_settings_change_without_a_new_capture(trees: dict[str, Path], fuse: bool) -> None:
    plain, fast = load(trees["lcm"]), load(trees["lcm"], fuse_attention=fuse)
    capture = in_graphs(fast)
    assert capture.captures == 3
    streams = [
        StreamDiffusionPipeline(model, StreamConfig(denoising_steps=2, stream_batch=False))
        for model in (plain, fast)
    ]
    for frame, (prompt, options) in enumerate(CHANGES):
        image = np.random.default_rng(frame).integers(0, 256, (64, 64, 3), np.uint8)
        for stream in streams:
            stream.stream_config.guidance_mode = "self"
            stream.stream_config.guidance_scale = 1.0 + frame / 4
        expected, got = (
            stream.generate_frame(image, stream.encode_prompt(prompt)[0], **options)
            for stream in streams
        )
        assert np.abs(got.astype(int) - expected).max() <= 1
    # the U-Net for one row, the encoder and the decoder
    assert capture.captures == 3


def test_another_batch_is_another_graph_and_a_stream_batch_is_the_same(
    trees: dict[str, Path],
) -> None:
    plain, fast = load(trees["lcm"]), load(trees["lcm"])
    capture = in_graphs(fast)
    found = []
    for model in (plain, fast):
        stream = StreamDiffusionPipeline(model, StreamConfig(denoising_steps=3))
        embeds = model.encode_prompt("red")
        found.append([stream.step_latent(noise(seed=i), embeds) for i in range(5)])
    for expected, got in zip(*found, strict=True):
        close(got, expected)
    # rows 1 (held already), 2 and 3 of the U-Net; encoder and decoder
    assert capture.captures == 5


def on_no_device(model: StableDiffusion) -> StableDiffusion:
    """Its networks on torch's device without values: whatever is read from there fails."""
    for net in (model._nets.unet, model._nets.vae):
        torch.nn.Module.to(net, "meta")
    model._device = torch.device("meta")
    return model


@pytest.mark.parametrize(("tree", "batch"), [("lcm", True), ("xl", False)])
def test_a_frame_waits_for_nothing(trees: dict[str, Path], tree: str, batch: bool) -> None:
    make = load_xl if tree.startswith("xl") else load
    model = make(trees[tree])
    prompts = [model.encode_prompt(text).to("meta") for text in ("red", "cat")]
    stream = StreamDiffusionPipeline(
        on_no_device(model),
        StreamConfig(
            denoising_steps=2, stream_batch=batch, guidance_mode="self", guidance_scale=1.3
        ),
    )
    frames = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    own = noise().to("meta")
    with NoSync():
        for frame in range(2):
            stream.step_latent(
                None,
                prompts[frame],
                image=frames[frame],
                strength=0.5 + frame / 3,
                seed=frame,
            )
            latent = stream.step_latent(own, prompts[frame], frame / 2)
            model._pictures.decode(latent)
