"""SDXLPipeline encodes and draws what diffusers does with the same weights."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from phosphene.diffusion.sd.sdxl import SDXLPipeline
from tests.diffusion.sd.loras import CROSS_LAYER, make_lora
from tests.diffusion.sd.originals import make_single_file
from tests.diffusion.sd.tools import (
    ALONE,
    assert_same,
    load_xl,
    noise,
    pictures,
    plain,
    predict,
    warnings,
)
from tests.diffusion.sd.trees import (
    HIDDEN,
    POOLED,
    PROMPT_TOKENS,
    SECOND_HIDDEN,
    make_xl_tree,
)

pytestmark = pytest.mark.usefixtures("offline")


def test_facts(xl: SDXLPipeline) -> None:
    assert xl.supports_pooled_embeds()
    assert xl.facts.embed_shape == (PROMPT_TOKENS + 1, HIDDEN + SECOND_HIDDEN)
    assert (xl.facts.max_size, xl.facts.prediction) == (64, "eps")


def test_both_encoders_and_the_pooled_row_equal_diffusers(
    trees: dict[str, Path], xl: SDXLPipeline
) -> None:
    expected, _, pooled, _ = plain(trees["xl"]).encode_prompt(
        "A red 🎵 cat, é", device="cpu", do_classifier_free_guidance=False
    )
    got = xl.encode_prompt("A red 🎵 cat, é")
    torch.testing.assert_close(got[:, :-1], expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(got[:, -1, :POOLED], pooled, rtol=1e-5, atol=1e-5)
    assert not got[:, -1, POOLED:].any()


def test_no_prompt_is_all_zeros_where_the_checkpoint_says_so(
    xl: SDXLPipeline, tmp_path: Path
) -> None:
    assert not xl.encode_prompt(["", " "]).any()
    import json

    tree = make_xl_tree(tmp_path / "xl")
    index = json.loads((tree / "model_index.json").read_text())
    (tree / "model_index.json").write_text(
        json.dumps(index | {"force_zeros_for_empty_prompt": False})
    )
    assert load_xl(tree).encode_prompt("").any()


def test_the_pooled_row_and_the_size_reach_the_net(xl: SDXLPipeline) -> None:
    embeds = xl.encode_prompt("red")
    other = embeds.clone()
    other[:, -1, 0] += 1.0
    t = torch.tensor([700.0])
    usual = xl.denoise(noise(), t, embeds, ALONE)
    assert (xl.denoise(noise(), t, other, ALONE) - usual).abs().max() > 1e-6
    # the same latent pixels as part of a larger picture: told so by its time ids
    wide = torch.cat([noise(), noise()], dim=3)
    assert xl.denoise(wide, t, embeds, ALONE).shape == wide.shape


def test_a_batch_equals_single_calls(xl: SDXLPipeline) -> None:
    embeds, times = xl.encode_prompt(["red", "cat"]), torch.tensor([900.0, 300.0])
    latents = noise(2)
    both = xl.denoise(latents, times, embeds, ALONE)
    for i in range(2):
        one = slice(i, i + 1)
        alone = xl.denoise(latents[one], times[one], embeds[one], ALONE)
        torch.testing.assert_close(both[one], alone, rtol=1e-5, atol=1e-5)


def test_taesdxl_beside_the_tree_is_used(
    trees: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    tiny = load_xl(trees["xl"], use_tiny_vae=True)
    assert not warnings(caplog)
    full = load_xl(trees["xl"])
    assert not np.array_equal(tiny.decode(noise()), full.decode(noise()))
    assert tiny.encode_image(pictures()).shape == (2, 4, 8, 8)


def test_a_single_file_equals_its_tree(
    trees: dict[str, Path], xl: SDXLPipeline, tmp_path: Path
) -> None:
    make_single_file(trees["xl"], tmp_path / "model.safetensors")
    shutil.copytree(trees["xl"], tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    single = load_xl(tmp_path / "model.safetensors")
    assert single.family.name == "lightning"
    assert_same(single.encode_prompt("red"), xl.encode_prompt("red"))
    assert_same(predict(single), predict(xl))


@pytest.mark.parametrize("convention", ["kohya", "peft"])
def test_a_lora_for_the_cross_attention(
    trees: dict[str, Path], xl: SDXLPipeline, tmp_path: Path, convention: str
) -> None:
    file = tmp_path / "lora.safetensors"
    added = make_lora(file, convention, CROSS_LAYER, (16, HIDDEN + SECOND_HIDDEN))
    got = predict(load_xl(trees["xl"], lora_id=str(file)))
    with torch.no_grad():
        model = load_xl(trees["xl"])
        model._nets.unet.get_submodule(CROSS_LAYER).weight += added
    torch.testing.assert_close(got, predict(model), rtol=1e-5, atol=1e-5)
    assert (got - predict(xl)).abs().max() > 1e-4
