"""The Stable Diffusion pipeline with tiny networks in their real formats."""

from __future__ import annotations

import pytest

from tests.integrations.scope.host import see, stamp, until

SD = "phosphene-sd"


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    from tests.diffusion.sd.trees import make_tree, make_xl_tree

    root = tmp_path_factory.mktemp("models")
    return {
        "SD": str(make_tree(root / "eps", tiny_vae=True)),
        "SDXL": str(make_xl_tree(root / "xl", "lightning", tiny_vae=True)),
    }


def shown(node, pts, **parameters):
    see(node, 10 * pts, pts, **parameters)
    return until(node, lambda answer: answer["video_timestamps"] == [stamp(pts)])["video"]


def in_force(node):
    return node._session._worker._fitted


@pytest.mark.parametrize("kind", ["SD", "SDXL"])
def test_draws_and_follows_parameters(make, checkpoints, caplog, kind):
    node = make(SD, model_path=checkpoints[kind], batch_denoising=False)
    node.prepare(video=True)
    first = shown(node, 1, prompts=[{"text": "fire", "weight": 1.0}])
    assert first.shape[0] == 1 and first.shape[3] == 3
    blend = [{"text": "fire", "weight": 30}, {"text": "(ice:1.3)", "weight": 70}]
    shown(node, 2, prompts=blend, prompt_interpolation_method="slerp")
    shown(node, 3, guidance_scale=4.0, negative_prompt="smoke", num_inference_steps=2)
    shown(node, 4, guidance_mode="self", delta=0.7, add_noise="on", strength=1.2)
    told = in_force(node).stream
    assert (told.guidance_mode, told.guidance_scale, told.denoising_steps) == ("self", 4.0, 2)
    assert (told.delta, told.add_noise, told.strength) == (0.7, True, 1.0)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_the_model_says_what_the_user_leaves_to_it(make, checkpoints):
    node = make(SD, model_path=checkpoints["SDXL"])
    node.prepare(video=True)
    shown(node, 1, batch_denoising=False)
    # the checkpoint is a lightning one
    assert in_force(node).stream.denoising_steps == 4
    assert in_force(node).stream.guidance_mode == "none"


def test_another_family_at_run_time(make, checkpoints):
    node = make(SD, model_path=checkpoints["SD"], batch_denoising=False)
    node.prepare(video=True)
    shown(node, 1)
    for pts in range(2, 900):
        shown(node, pts % 25 + 2, model_path=checkpoints["SDXL"])
        if node._session._worker._base.name == "sdxl":
            return
    raise AssertionError("the other model never came")
