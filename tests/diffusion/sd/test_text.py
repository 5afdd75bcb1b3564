"""Long prompts: windows, repeated so that short and long ones may be blended."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from phosphene.diffusion.sd.sd15 import SD15Pipeline
from phosphene.diffusion.sd.sdxl import SDXLPipeline
from phosphene.prompt.blend import slerp
from tests.diffusion.sd.tools import ALONE, load, load_xl, noise, warnings
from tests.diffusion.sd.trees import HIDDEN, PROMPT_TOKENS, SECOND_HIDDEN

pytestmark = pytest.mark.usefixtures("offline")

LONG = "red " * 18 + "cat " * 6


@pytest.fixture(scope="module")
def wide(trees: dict[str, Path]) -> SD15Pipeline:
    return load(trees["eps"], prompt_windows=2)


def test_a_long_prompt_fills_windows(
    wide: SD15Pipeline, pipeline: SD15Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    embeds = wide.encode_prompt(LONG)
    assert embeds.shape == (1, 2 * PROMPT_TOKENS, HIDDEN)
    assert wide.facts.embed_shape == (2 * PROMPT_TOKENS, HIDDEN)
    assert not warnings(caplog)
    first, second = pipeline.encode_prompt(["red " * 18, "cat " * 6])
    torch.testing.assert_close(embeds[0, :PROMPT_TOKENS], first)
    torch.testing.assert_close(embeds[0, PROMPT_TOKENS:], second)
    wide.encode_prompt(LONG + "red " * 40)
    assert "cut to 36 tokens" in warnings(caplog)[0]


def test_a_short_prompt_draws_the_same_in_any_number_of_windows(
    wide: SD15Pipeline, pipeline: SD15Pipeline
) -> None:
    embeds = wide.encode_prompt("a red cat")
    assert torch.equal(embeds[0, :PROMPT_TOKENS], embeds[0, PROMPT_TOKENS:])
    t = torch.tensor([700.0])
    torch.testing.assert_close(
        wide.denoise(noise(), t, embeds, ALONE),
        pipeline.denoise(noise(), t, pipeline.encode_prompt("a red cat"), ALONE),
        rtol=1e-5,
        atol=1e-5,
    )


def test_weights_reach_the_second_window(wide: SD15Pipeline) -> None:
    usual, more = wide.encode_prompt(["red " * 18 + "cat", "red " * 18 + "(cat:1.5)"])
    ratio = more / usual
    # start, then the one token of "cat" per letter: c, a, t
    torch.testing.assert_close(
        ratio[PROMPT_TOKENS + 1] / ratio[0], torch.full((HIDDEN,), 1.5), rtol=1e-4, atol=1e-4
    )


def test_sdxl_windows_keep_one_pooled_row(trees: dict[str, Path], xl: SDXLPipeline) -> None:
    wide = load_xl(trees["xl"], prompt_windows=2)
    shape = (2 * PROMPT_TOKENS + 1, HIDDEN + SECOND_HIDDEN)
    assert wide.facts.embed_shape == shape
    embeds, usual = wide.encode_prompt("a red cat"), xl.encode_prompt("a red cat")
    assert torch.equal(embeds[:, -1], usual[:, -1])
    t = torch.tensor([700.0])
    torch.testing.assert_close(
        wide.denoise(noise(), t, embeds, ALONE),
        xl.denoise(noise(), t, usual, ALONE),
        rtol=1e-5,
        atol=1e-5,
    )


def test_blends_of_sdxl_prompts_blend_the_pooled_row(xl: SDXLPipeline) -> None:
    a, b = xl.encode_prompt(["red", "blue cat"])
    for t, end in ((0.0, a), (1.0, b)):
        torch.testing.assert_close(slerp(a, b, t), end, rtol=1e-5, atol=1e-5)
    middle = slerp(a, b, 0.5)
    assert (middle[-1] - a[-1]).abs().max() > 1e-4
    out = xl.denoise(noise(), torch.tensor([700.0]), middle[None], ALONE)
    assert torch.isfinite(out).all()
