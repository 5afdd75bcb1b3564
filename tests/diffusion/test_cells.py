"""Cells that did not change keep what the network said of them: parity, and when all are drawn."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from phosphene.config import (
    DiffusionConfig,
    InferenceConfig,
    LoraConfig,
    PipelineConfig,
    StreamConfig,
)
from phosphene.diffusion.dit.cells import AROUND, CellCache, Given
from phosphene.diffusion.dit.flux2 import Flux2Pipeline
from phosphene.diffusion.notices import say_once
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.stream.conditioning import Context
from tests.diffusion.dit_trees import flux2_tree

pytestmark = pytest.mark.usefixtures("offline", "one_thread")
pytest.importorskip("diffusers", minversion="0.37")

SIDE = 192
GRID = SIDE // 16
EXACT = 1e-5


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flux2_tree(tmp_path_factory.mktemp("cells") / "flux2", num_layers=2)


def load(place: Path, **settings: Any) -> Flux2Pipeline:
    told = {"use_tiny_vae": False, "device": "cpu"} | settings
    return Flux2Pipeline(
        DiffusionConfig(model=str(place), **told), InferenceConfig(height=SIDE, width=SIDE)
    )


def latents(seed: int = 0) -> torch.Tensor:
    return torch.randn((1, 16, GRID, GRID), generator=torch.Generator().manual_seed(seed))


def touched(x: torch.Tensor, row: int = 2, column: int = 3, by: float = 3.0) -> torch.Tensor:
    """The same with one cell changed."""
    x = x.clone()
    x[:, :, row, column] += by
    return x


def close(got: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(got, expected, rtol=EXACT, atol=EXACT)


class Told:
    """Calls of one model, its prompt and time staying; how many tokens each was of."""

    def __init__(self, model: Flux2Pipeline) -> None:
        self.model, self.tokens = model, []
        net = model._pipe.transformer
        net.register_forward_pre_hook(
            lambda _, __, told: self.tokens.append(told["hidden_states"].shape[1]), with_kwargs=True
        )

    def __call__(
        self, x: torch.Tensor, prompt: str = "red cat", t: float = 0.6, **context: Any
    ) -> torch.Tensor:
        self.tokens.clear()
        embeds = self.model.encode_prompt(prompt)
        return self.model.denoise(x, torch.tensor([t]), embeds, Context(**context))


def test_nothing_changed_is_not_drawn_and_everything_is_drawn_as_without(place: Path) -> None:
    model, plain = Told(load(place, cell_cache=8)), Told(load(place))
    x, other = latents(), latents(1)
    first = model(x)
    assert model.tokens == [GRID * GRID]
    close(first, plain(x))
    assert torch.equal(model(x), first)
    assert model.tokens == []
    close(model(other), plain(other))
    assert model.tokens == [GRID * GRID]
    # another time is another call, with a memory of its own
    close(model(x, t=0.3), plain(x, t=0.3))
    assert torch.equal(model(other), plain(other)) or model.tokens == []


def test_cells_drawn_anew_under_the_same_inputs_are_what_they_were(place: Path) -> None:
    """All that the partial way does by itself (places, turns, times, keys put back) against the whole."""
    model = load(place)
    cache, owner = CellCache(model._pipe.transformer, 99), Owner()
    x, embeds = latents(), model.encode_prompt("red cat")
    tokens = x.flatten(2).transpose(1, 2)
    from phosphene.diffusion.dit.flux2 import _ids

    given = Given(tokens, _ids(GRID, GRID, 0, x.device), embeds, torch.tensor([0.6]), (GRID, GRID))
    with torch.inference_mode():
        whole = cache(owner, given, model._net, (), False)
        [kept] = cache._streams[owner].values()
        kept.answer.zero_()
        for drawn in (torch.tensor([0, 5, 77]), torch.arange(GRID * GRID)):
            cache._draw(kept, given, drawn, model._net)
            close(kept.answer[:, drawn], whole[:, drawn])
    close(kept.answer, whole)


class Owner:
    """A stream."""


def test_a_changed_cell_is_drawn_amid_frozen_ones(place: Path) -> None:
    """Against the whole network, in which everything else is put back after every layer."""
    model, plain = Told(load(place, cell_cache=8)), load(place)
    before, after = latents(), touched(latents())
    model(before)
    got = model(after)
    side = 2 * AROUND + 1
    assert model.tokens == [side * side - side * max(0, AROUND - 2)]
    drawn = torch.zeros(GRID, GRID, dtype=torch.bool)
    drawn[0 : 2 + AROUND + 1, 3 - AROUND : 3 + AROUND + 1] = True
    assert int(drawn.sum()) == model.tokens[0]
    close(got, frozen(plain, before, after, drawn))
    # and it is near what the whole would be, nearer than not drawing at all
    embeds, t = plain.encode_prompt("red cat"), torch.tensor([0.6])
    then, whole = (plain.denoise(x, t, embeds, Context()) for x in (before, after))
    assert (got - whole).abs().mean() < 0.5 * (then - whole).abs().mean()


def frozen(
    model: Flux2Pipeline, before: torch.Tensor, after: torch.Tensor, drawn: torch.Tensor
) -> torch.Tensor:
    """The answer for ``after`` where all but some cells are in every layer as they were for ``before``."""
    net, embeds = model._pipe.transformer, model.encode_prompt("red cat")
    words, t = embeds.shape[1], torch.tensor([0.6])
    kept: list[Any] = []
    new = drawn.flatten()

    def keep(_: Any, __: Any, out: Any) -> None:
        kept.append(out)

    blocks = [*net.transformer_blocks, *net.single_transformer_blocks]
    hooks = [block.register_forward_hook(keep) for block in blocks]
    then = model.denoise(before, t, embeds, Context())
    for hook in hooks:
        hook.remove()
    queue = iter(kept)

    def put_back(_: Any, __: Any, out: Any) -> Any:
        old = next(queue)
        if isinstance(out, tuple):
            return old[0], torch.where(new[None, :, None], out[1], old[1])
        own = torch.cat([torch.zeros(words, dtype=torch.bool), new])
        return torch.where(own[None, :, None], out, old)

    hooks = [block.register_forward_hook(put_back) for block in blocks]
    # unchanged cells' own inputs are as they were
    mixed = torch.where(drawn, after, before)
    got = model.denoise(mixed, t, embeds, Context())
    for hook in hooks:
        hook.remove()
    return torch.where(drawn, got, then)


def test_it_draws_in_full_past_a_cut_a_prompt_a_shift_and_every_so_often(place: Path) -> None:
    model = Told(load(place, cell_cache=4))
    whole = [GRID * GRID]
    smooth = torch.nn.functional.interpolate(latents()[..., ::3, ::3], scale_factor=3.0)
    x = latents()

    def tokens(*args: Any, **told: Any) -> list[int]:
        model(*args, **told)
        return list(model.tokens)

    assert tokens(x, previous=smooth) == whole
    assert [tokens(x, previous=smooth) for _ in range(4)] == [[], [], [], whole]
    assert tokens(x, previous=smooth, prompt="blue dog") == whole
    assert tokens(x, previous=smooth, prompt="blue dog") == []
    # the picture before lies elsewhere, though this one is the same so far
    assert tokens(x, previous=smooth.roll(5, 2), prompt="blue dog") == whole
    # a cut: a stream that had a past has none, and then again one without is no cut
    assert tokens(x, prompt="blue dog") == whole
    assert tokens(x, prompt="blue dog") == []
    # half of all cells are another picture
    far = x.clone()
    far[:, :, : GRID // 2 + 1] += 3.0
    assert tokens(far, prompt="blue dog") == whole
    # a camera's own noise is no change, and adds up until it is one
    for seed in (1, 2):
        assert tokens(far + 0.02 * latents(seed), prompt="blue dog") == []
    model = Told(load(place, cell_cache=64))
    model(x)
    crept = [bool(tokens(touched(x, by=0.02 * i))) for i in range(1, 12)]
    # 0.1 is more than the 0.096 that stands for 0.24 of the picture in so much noise
    assert crept == [i % 5 == 0 for i in range(1, 12)]


def test_an_edited_camera_picture_reads_and_draws_its_changed_cells(place: Path) -> None:
    model = Told(load(place, cell_cache=8, reference="input"))
    plain = Told(load(place, reference="input"))
    picture = np.random.default_rng(0).integers(0, 256, (1, SIDE, SIDE, 3), np.uint8)
    x, cells = latents(), GRID * GRID
    first = model.model.refer(picture)
    close(model(x, t=1.0, referred=first), plain(x, t=1.0, referred=first))
    assert model.tokens == [2 * cells]
    model(x, t=1.0, referred=first.clone())
    assert model.tokens == []
    # the tiny network's autoencoder carries a change far; its middle is what moved
    changed = picture.copy()
    changed[:, 80:112, 80:112] = 255 - changed[:, 80:112, 80:112]
    second = model.model.refer(changed)
    moved = (first - second).abs().mean(1)[0] > 0.24
    got = model(x, t=1.0, referred=second)
    assert 0 < moved.sum() < cells / 2
    assert model.tokens[0] % 2 == 0 and 2 * moved.sum() < model.tokens[0] < 2 * cells
    whole = plain(x, t=1.0, referred=second)
    then = plain(x, t=1.0, referred=first)
    assert (got - whole).abs().mean() < (then - whole).abs().mean()


def test_streams_and_sizes_of_batch_have_their_own(place: Path) -> None:
    base, plain = load(place, cell_cache=8), Told(load(place))
    one, two = Told(base), Told(base.view(base.inference_config))
    x, other = latents(), latents(1)
    one(x)
    close(two(other), plain(other))
    one.tokens.clear()
    assert torch.equal(one(x), one(x)) and not one.tokens
    both = torch.cat([x, other])
    embeds, t = base.encode_prompt(["red cat", "red cat"]), torch.tensor([0.6, 0.3])
    got = base.denoise(both, t, embeds, Context())
    close(got[1:], plain(other, t=0.3))
    part = base.denoise(torch.cat([x, touched(other)]), t, embeds, Context())
    assert torch.equal(part[1, :, -1], got[1, :, -1]) and not torch.equal(part, got)
    # what was handed out is not written to later, nor is what was given
    assert torch.equal(both, torch.cat([x, other]))
    assert not torch.equal(got, base.denoise(torch.cat([x, touched(other)]), t, embeds, Context()))


def test_a_show_over_a_still_camera(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = PipelineConfig()
    config.diffusion.model, config.diffusion.cell_cache = str(place), 8
    Flux2Pipeline.suggest(config)
    assert config.transform.batch == 1
    model, plain = Told(load(place, cell_cache=8)), load(place)
    picture = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    embeds = plain.encode_prompt("red cat")

    def show(base: Flux2Pipeline, frames: int = 4) -> list[Any]:
        stream = StreamDiffusionPipeline(base, StreamConfig(denoising_steps=2, stream_batch=False))
        return [stream.generate_frame(picture, embeds) for _ in range(frames)]

    shown = show(model.model)
    # two steps of the first frame, and of the second, which has a past; no call after that
    assert model.tokens == [GRID * GRID] * 4
    assert all(np.array_equal(frame, shown[0]) for frame in shown)
    assert np.abs(shown[0].astype(int) - show(plain, 1)[0]).max() <= 1
    say_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        load(place, cell_cache=8, reference_cache=True)
    assert "cell_cache is off: reference_cache" in caplog.text


def test_another_scale_of_a_lora_begins_anew(place: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    weights = {
        "transformer.single_transformer_blocks.0.attn.to_out.lora_A.weight": torch.randn(2, 128),
        "transformer.single_transformer_blocks.0.attn.to_out.lora_B.weight": torch.randn(32, 2),
    }
    save_file(weights, tmp_path / "lora.safetensors")
    lora = LoraConfig(id=str(tmp_path / "lora.safetensors"), scale=0.0, live=True)
    model = Told(load(place, cell_cache=8, loras=[lora]))
    before = model(latents())
    model.model.diffusion_config.loras[0].scale = 1.0
    assert (model(latents()) - before).abs().max() > 1e-3
    assert model.tokens == [GRID * GRID]
