"""ControlNet: diffusers' own result, what it is shown, and those that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from phosphene.config import StreamConfig
from phosphene.diffusion.sd.control.canny import canny
from phosphene.diffusion.sd.control.figure import draw
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.errors import ModelError
from phosphene.stream.conditioning import Context
from tests.diffusion.sd.tools import load, load_xl, noise, pictures, plain, predict, warnings

pytestmark = pytest.mark.usefixtures("offline")

SILENT = [0.5, 0.5, 0.5, 0.0, 0.0]


@pytest.fixture(scope="module")
def nets(trees: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """ControlNets for the tiny trees whose outputs are not zero, as freshly made ones are."""
    from diffusers import ControlNetModel

    folder = tmp_path_factory.mktemp("control")
    made = {}
    for tree in ("eps", "xl"):
        torch.manual_seed(4)
        net = ControlNetModel.from_unet(
            plain(trees[tree]).unet, conditioning_embedding_out_channels=(8, 8, 8, 8)
        )
        for block in [*net.controlnet_down_blocks, net.controlnet_mid_block]:
            torch.nn.init.normal_(block.weight, std=0.2)
        torch.nn.init.normal_(net.controlnet_cond_embedding.conv_out.weight, std=0.2)
        net.save_pretrained(folder / tree)
        made[tree] = folder / tree
    return made


def step(model: Any, control: torch.Tensor | None, **context: Any) -> torch.Tensor:
    embeds = model.encode_prompt("red")
    return model.denoise(
        noise(), torch.tensor([700.0]), embeds, Context(control=control, **context)
    )


@pytest.mark.parametrize("tree", ["eps", "xl"])
def test_residuals_equal_diffusers(
    trees: dict[str, Path], nets: dict[str, Path], tree: str
) -> None:
    from diffusers import ControlNetModel

    make = load_xl if tree == "xl" else load
    model = make(trees[tree], controlnet_id=str(nets[tree]), control="picture", control_scale=0.7)
    image = model.control_image(pictures(1))
    got = step(model, image)
    given = model._inputs(noise(), torch.tensor([700.0]), model.encode_prompt("red"))
    added = {"text_embeds": given.pooled, "time_ids": given.time_ids}
    with torch.no_grad():
        down, mid = ControlNetModel.from_pretrained(nets[tree])(
            noise(),
            700,
            given.embeds,
            torch.from_numpy(pictures(1)).permute(0, 3, 1, 2) / 255.0,
            conditioning_scale=0.7,
            added_cond_kwargs=added if tree == "xl" else None,
            return_dict=False,
        )
        expected = (
            plain(trees[tree])
            .unet(
                noise(),
                700,
                given.embeds,
                added_cond_kwargs=added if tree == "xl" else None,
                down_block_additional_residuals=down,
                mid_block_additional_residual=mid,
            )
            .sample
        )
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    without = predict(make(trees[tree]))
    assert (got - without).abs().max() > 1e-3
    torch.testing.assert_close(step(model, None), without)
    model.diffusion_config.control_scale = 0.0
    torch.testing.assert_close(step(model, image), without)


def test_every_frame_of_a_stream_batch_keeps_its_own_picture(
    trees: dict[str, Path], nets: dict[str, Path]
) -> None:
    model = load(trees["eps"], controlnet_id=str(nets["eps"]), control="picture")
    frames, shown = pictures(5), {}
    for batch in (False, True):
        config = StreamConfig(
            denoising_steps=2,
            strength=0.5,
            stream_batch=batch,
            enable_temporal_coherence=False,
        )
        stream = StreamDiffusionPipeline(model, config)
        embeds = model.encode_prompt("red")
        out = [stream.step_latent(None, embeds, image=frame) for frame in frames]
        # a state on disk brings the pictures of frames on their way along
        stream.restore_state(stream.dump_state())
        shown[batch] = [out[0], *out[1 + stream.latency :], *stream.flush_latents()]
    for alone, together in zip(shown[False], shown[True], strict=True):
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_the_sound_draws_without_any_picture(trees: dict[str, Path], nets: dict[str, Path]) -> None:
    model = load(trees["eps"], controlnet_id=str(nets["eps"]), control="sound")
    assert model.control_image(pictures(1)) is None
    quiet = step(model, None, controls=torch.tensor([SILENT]))
    loud = step(model, None, controls=torch.tensor([[1.0, 1.0, 1.0, 1.0, 0.5]]))
    assert (quiet - loud).abs().max() > 1e-5


def test_the_figure_swells_thickens_and_turns() -> None:
    def figure(**changes: float) -> np.ndarray:
        names = ("bass", "mid", "treble", "onset", "beat")
        values = dict(zip(names, SILENT, strict=True)) | changes
        picture = draw(torch.tensor([list(values.values())]), 96, 128)
        assert picture.shape == (1, 3, 96, 128)
        assert picture.min() >= 0.0 and picture.max() <= 1.0
        return picture[0, 0].numpy()

    def extent(picture: np.ndarray) -> float:
        y, x = np.nonzero(picture > 0.5)
        return float(np.hypot(y - 47.5, x - 63.5).mean())

    assert extent(figure(bass=1.0)) > 1.2 * extent(figure(bass=0.0))
    assert figure(onset=1.0).sum() > 2 * figure(onset=0.0).sum()
    assert np.abs(figure(beat=0.5) - figure(beat=0.0)).max() > 0.5
    # a whole beat is one lobe further, which looks the same: no jump where the phase wraps
    assert np.abs(figure(beat=1.0) - figure(beat=0.0)).max() < 0.3


def test_canny_finds_thin_edges_where_they_are() -> None:
    picture = torch.zeros((1, 3, 40, 60))
    picture[..., 10:30, 20:40] = 1.0
    edges = canny(picture)
    assert edges.shape == picture.shape
    assert set(edges.unique().tolist()) == {0.0, 1.0}
    row = edges[0, 0, 20]
    found = row.nonzero().flatten().tolist()
    assert len(found) == 2
    assert abs(found[0] - 19.5) <= 1 and abs(found[1] - 39.5) <= 1
    assert not canny(torch.full((1, 3, 16, 16), 0.6)).any()
    # noise below the threshold is no edge
    assert not canny(0.5 + 0.01 * torch.randn((1, 3, 32, 32))).any()


def test_depth_is_estimated_and_stretched(
    trees: dict[str, Path], nets: dict[str, Path], tmp_path: Path
) -> None:
    from transformers import DPTConfig, DPTForDepthEstimation

    torch.manual_seed(5)
    small = DPTConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=64,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
    )
    estimator = DPTForDepthEstimation(small)
    for weight in estimator.head.parameters():
        # freshly made ones see no depth at all
        torch.nn.init.normal_(weight, std=0.5)
    estimator.save_pretrained(tmp_path / "depth")
    model = load(
        trees["eps"],
        controlnet_id=str(nets["eps"]),
        control="depth",
        depth_id=str(tmp_path / "depth"),
    )
    image = model.control_image(pictures(2))
    assert image.shape == (2, 3, 64, 64)
    assert image.amin((1, 2, 3)).tolist() == [0.0, 0.0]
    assert image.amax((1, 2, 3)).tolist() == [1.0, 1.0]
    with pytest.raises(ModelError, match="there is no depth estimator"):
        load(trees["eps"], controlnet_id=str(nets["eps"]), control="depth", depth_id="./nowhere")


def test_one_for_another_family_and_one_that_is_not_there(
    trees: dict[str, Path], nets: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ModelError, match=r"ControlNet .* is for .* use one made for it"):
        load(trees["eps"], controlnet_id=str(nets["xl"]))
    with pytest.raises(ModelError, match="there is no ControlNet at"):
        load(trees["eps"], controlnet_id="./nowhere")
    load(trees["eps"], controlnet_id=str(nets["eps"]), runtime="onnx")
    assert warnings(caplog) == [
        "runtime onnx is off: it exports no ControlNet; torch runs the networks."
    ]
