"""A chunked stream with a cache against whole sequences under masks, in 64 bits."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

from phosphene.diffusion.wan.autoencoder import WanAutoencoder
from phosphene.diffusion.wan.cache import KeyValueCache
from phosphene.diffusion.wan.layout import RECIPES, Recipe
from phosphene.diffusion.wan.network import CausalWan, Prompt
from phosphene.diffusion.wan.rollout import RECACHED, Rollout, ShiftedFlow, fewer, noise_level
from phosphene.diffusion.wan.state import WanState, dump, restore
from phosphene.diffusion.wan.tiny import TinyAutoencoder
from tests.diffusion.wan import trees

SIZE = 32, 48
HEIGHT, WIDTH = SIZE[0] // 8, SIZE[1] // 8
TOKENS = (HEIGHT // 2) * (WIDTH // 2)
EXACT = 1e-5
SINK, WINDOW = 3, 9


def network() -> CausalWan:
    return CausalWan(copy.deepcopy(trees.transformer()).double())


def rollout(recipe: Recipe | None = None, tiny: bool = False) -> Rollout:
    found: dict[str, Any] = {"wan": WanAutoencoder(copy.deepcopy(trees.vae()).double())}
    if tiny:
        found["tiny"] = TinyAutoencoder(copy.deepcopy(trees.taehv()).double())
    return Rollout(network(), recipe or RECIPES[-1][1], found)


def words(seed: int = 0) -> torch.Tensor:
    return torch.randn((1, 7, trees.TEXT), generator=torch.Generator().manual_seed(seed)).double()


def opened(run: Rollout, sink: int = SINK, window: int = WINDOW) -> WanState:
    embeds = words().numpy()
    cache = run.network.cache(HEIGHT, WIDTH, sink, window)
    return WanState(3, SIZE, embeds, cache, run.prompt(embeds))


def latents(frames: int, seed: int = 1) -> torch.Tensor:
    made = torch.Generator().manual_seed(seed)
    return torch.randn((1, trees.CHANNELS, frames, HEIGHT, WIDTH), generator=made).double()


class Masked:
    """diffusers' own attention over a whole sequence, with a mask and positions for each chunk of queries."""

    def __init__(self, chunks: list[tuple[range, list[int]]]) -> None:
        # (frames of a chunk, all frames that it sees, oldest first)
        self._chunks = chunks

    def __call__(self, attn: Any, x: torch.Tensor, *_: Any) -> torch.Tensor:
        query = attn.norm_q(attn.to_q(x)).unflatten(2, (attn.heads, -1))
        key = attn.norm_k(attn.to_k(x)).unflatten(2, (attn.heads, -1))
        value = attn.to_v(x).unflatten(2, (attn.heads, -1))
        out = torch.empty_like(query)
        for frames, seen in self._chunks:
            own, all_of = _tokens(frames), _tokens(seen)
            places = {frame: i for i, frame in enumerate(seen)}
            q = rotated(query[:, own], [places[frame] for frame in frames])
            k = rotated(key[:, all_of], range(len(seen)))
            logits = torch.einsum("blhd,bmhd->bhlm", q, k) * q.shape[-1] ** -0.5
            out[:, own] = torch.einsum("bhlm,bmhd->blhd", logits.softmax(-1), value[:, all_of])
        return attn.to_out[0](out.flatten(2))  # type: ignore[no-any-return]


def _tokens(frames: Any) -> list[int]:
    return [frame * TOKENS + i for frame in frames for i in range(TOKENS)]


def rotated(x: torch.Tensor, frames: Any) -> torch.Tensor:
    """diffusers' rotations of frames at given places, from its own table."""
    from diffusers.models.transformers.transformer_wan import WanRotaryPosEmbed

    most = max(frames) + 1
    rope = WanRotaryPosEmbed(trees.NET["attention_head_dim"], (1, 2, 2), 64)
    cos, sin = rope(torch.zeros(1, 1, most, HEIGHT, WIDTH))
    rows = _tokens(frames)
    cos, sin = cos[:, rows, :, 0::2].double(), sin[:, rows, :, 1::2].double()
    one, two = x[..., 0::2], x[..., 1::2]
    return torch.stack([one * cos - two * sin, one * sin + two * cos], -1).flatten(-2)


def whole(x: torch.Tensor, chunks: list[tuple[range, list[int]]], embeds: torch.Tensor) -> Any:
    """The clean pass over a sequence at once."""
    net = copy.deepcopy(trees.transformer()).double()
    for block in net.blocks:
        block.attn1.set_processor(Masked(chunks))
    return net(x, torch.zeros(1).double(), embeds).sample


def causal_chunks(total: int, frames: int, sink: int, window: int) -> list[tuple[range, list[int]]]:
    found = []
    for first in range(0, total, frames):
        own = range(first, first + frames)
        seen = [f for f in range(own.stop) if f < sink or f >= own.stop - window]
        found.append((own, seen))
    return found


@pytest.mark.parametrize("frames", [1, 3])
def test_chunks_with_a_cache_are_the_whole_sequence_under_a_block_causal_mask(frames: int) -> None:
    x, net, embeds = latents(9), network(), words()
    cache, prompt = net.cache(HEIGHT, WIDTH, SINK, WINDOW), Prompt(embeds)
    parts = [net(x[:, :, i : i + frames], [0.0], prompt, cache, [i]) for i in range(0, 9, frames)]
    expected = whole(x, causal_chunks(9, frames, 0, 99), embeds)
    assert (torch.cat(parts, 2) - expected).abs().max() < EXACT


@pytest.mark.parametrize(("frames", "sink", "window"), [(1, 3, 4), (3, 3, 9), (1, 0, 3), (2, 1, 5)])
def test_sink_and_window_are_a_masked_sequence_at_every_step_past_eviction(
    frames: int, sink: int, window: int
) -> None:
    total = 24
    x, net, embeds = latents(total), network(), words()
    cache, prompt = net.cache(HEIGHT, WIDTH, sink, window), Prompt(embeds)
    parts = []
    for first in range(0, total, frames):
        # a denoising step at another level first: the clean pass overwrites its keys
        noisy = torch.randn_like(x[:, :, first : first + frames])
        net(noisy, [937.5], prompt, cache, [first])
        parts.append(net(x[:, :, first : first + frames], [0.0], prompt, cache, [first]))
    expected = whole(x, causal_chunks(total, frames, sink, window), embeds)
    worst = (torch.cat(parts, 2) - expected).abs().amax((0, 1, 3, 4))
    assert worst.max() < EXACT, worst


def test_a_step_equals_diffusers_own_and_hears_time_and_prompt() -> None:
    net, x = network(), latents(3)
    plain = copy.deepcopy(trees.transformer()).double()
    got = net(x, [937.5], Prompt(words()), net.cache(HEIGHT, WIDTH, 3, 9), [0])
    expected = plain(x, torch.tensor([937.5]).double(), words()).sample
    # diffusers' waves of timesteps have 32 bits
    assert (got - expected).abs().max() < 1e-4
    for time, seed in ((625.0, 0), (937.5, 1)):
        other = net(x, [time], Prompt(words(seed)), net.cache(HEIGHT, WIDTH, 3, 9), [0])
        assert (got - other).abs().max() > 1e-3


class Shifting(KeyValueCache):
    """The reference: what is older moves down with every frame, and the newest is written at the end."""

    def claim(self, row: int, frames: Any) -> list[int]:
        held = self.frames[row]
        for frame in frames:
            if frame not in held:
                free = held.index(-1) if -1 in held else None
                if free is None:
                    for each in (*self.keys, *self.values):
                        each[row, self.sink : -1] = each[row, self.sink + 1 :].clone()
                    held[self.sink :] = [*held[self.sink + 1 :], frame]
                else:
                    held[free] = frame
        return [held.index(frame) for frame in frames]


def test_the_ring_equals_shifting_copies_and_moves_nothing() -> None:
    x, embeds = latents(20), words()
    outs = []
    for kind in (KeyValueCache, Shifting):
        net = network()
        shape = (net.layers, TOKENS, net.heads, net.head_width)
        cache, prompt = kind(net.weight, shape, 2, 5), Prompt(embeds)
        homes = [each.data_ptr() for each in cache.keys]
        outs.append([net(x[:, :, i : i + 1], [0.0], prompt, cache, [i]) for i in range(20)])
        assert homes == [each.data_ptr() for each in cache.keys]
    assert (torch.cat(outs[0], 2) - torch.cat(outs[1], 2)).abs().max() < EXACT


def test_recache_under_the_same_prompt_changes_nothing() -> None:
    for frames, chunks in ((1, 6), (3, 4)):
        run = rollout()
        state = opened(run)
        for _ in range(chunks):
            run.draw(state, frames, 2, "wan")
        other = restore(dump(state), run.network.weight)
        before = [each.clone() for each in state.cache.keys]
        run.recache(state)
        assert (
            max((a - b).abs().max() for a, b in zip(before, state.cache.keys, strict=True)) < EXACT
        )
        one, two = run.draw(state, frames, 2, "wan"), run.draw(other, frames, 2, "wan")
        assert (one - two).abs().max() < EXACT


def test_recache_past_eviction_is_the_clean_pass_of_the_last_twelve_behind_the_sink() -> None:
    run = rollout()
    state = opened(run)
    for _ in range(16):
        run.draw(state, 1, 1, "wan")
    kept = [each[:, :SINK].clone() for each in state.cache.keys]
    assert sum(x.shape[2] for _, x in state.recent) == RECACHED
    state.prompt = run.prompt(words(5))
    run.recache(state)
    assert all(torch.equal(a, b[:, :SINK]) for a, b in zip(kept, state.cache.keys, strict=True))
    fresh = opened(run)
    fresh.cache.frames = [[0, 1, 2] + [-1] * WINDOW]
    for mine, theirs in zip(
        (*fresh.cache.keys, *fresh.cache.values),
        (*state.cache.keys, *state.cache.values),
        strict=True,
    ):
        mine[:, :SINK] = theirs[:, :SINK]
    for first, x in state.recent:
        run.network(x, [0.0], state.prompt, fresh.cache, [first])
    assert all(torch.equal(a, b) for a, b in zip(fresh.cache.keys, state.cache.keys, strict=True))


def test_ten_thousand_latent_frames_grow_neither_memory_nor_positions() -> None:
    net = network()
    cache, prompt = net.cache(2, 2, SINK, WINDOW), Prompt(words())
    x = torch.randn(1, trees.CHANNELS, 1, 2, 2).double()
    held, seen = cache.bytes, []
    homes = [each.data_ptr() for each in (*cache.keys, *cache.values)]
    for frame in range(10_000):
        slots = cache.claim(0, [frame])
        seen.append(max(cache.positions(0)))
        assert slots[0] < SINK + WINDOW
        if frame % 500 == 499:
            out = net(x, [625.0], prompt, cache, [frame])
            assert torch.isfinite(out).all()
    assert cache.bytes == held
    assert homes == [each.data_ptr() for each in (*cache.keys, *cache.values)]
    assert max(seen) == SINK + WINDOW - 1
    assert cache.frames[0][:SINK] == [0, 1, 2]
    assert sorted(cache.frames[0])[-1] == 9_999


def test_a_stream_batch_is_its_rows_one_after_the_other() -> None:
    made = torch.rand((41, 3, *SIZE), generator=torch.Generator().manual_seed(4)).double()
    outs: list[torch.Tensor] = []
    for together in (True, False):
        run = rollout()
        state = opened(run, window=4)
        found = [run.draw_over_batched(state, made[:1], 0.8, 3, "wan", together)]
        for i in range(1, 41, 4):
            found.append(run.draw_over_batched(state, made[i : i + 4], 0.8, 3, "wan", together))
            assert len(state.passing) <= 2
        # the first latent alone, then nothing until the batch is full
        assert [len(each) for each in found] == [1, 0, 0, *([4] * 8)]
        outs.append(torch.cat(found))
    assert (outs[0] - outs[1]).abs().max() < EXACT
    assert state.cache.rows == 3
    assert len({tuple(sorted(held)) for held in state.cache.frames}) == 3


def test_noise_follows_motion_as_streamdiffusionv2_says() -> None:
    still = torch.full((4, 3, 8, 8), 0.5)
    assert noise_level(0.8, still, None, None) == pytest.approx(0.8)
    fast = torch.stack([torch.full((3, 8, 8), v) for v in (0.2, 0.8, 0.2, 0.8)])
    assert noise_level(0.8, fast, None, None) == pytest.approx(0.7)
    assert noise_level(0.8, still, still[-1:], 0.5) == pytest.approx(0.9 * 0.8 + 0.05)
    # 0.1 of the whole range is a root mean square of 0.1 in -1..1: half of what counts as fast
    half = torch.stack([torch.full((3, 8, 8), v) for v in (0.5, 0.55)])
    assert noise_level(0.8, half, None, None) == pytest.approx(0.75)
    assert noise_level(0.0, fast, None, None) == 0.0


def test_strength_nought_keeps_the_video_and_much_ignores_it() -> None:
    pictures = torch.rand((9, 3, *SIZE), generator=torch.Generator().manual_seed(6)).double()
    run = rollout()
    vae = run.autoencoders["wan"]
    memory: list[Any] = []
    kept = vae.decode(vae.encode(pictures, []), memory)
    state = opened(run)
    got = [
        run.draw_over(state, part, 0.0, 2, "wan")
        for part in (pictures[:1], pictures[1:5], pictures[5:])
    ]
    assert (torch.cat(got) - kept).abs().max() < EXACT
    state = opened(run)
    assert (run.draw_over(state, pictures[:1], 0.8, 2, "wan") - kept[:1]).abs().max() > 1e-3


@pytest.mark.parametrize("kind", ["wan", "tiny"])
def test_streamed_pictures_are_the_whole_clip(kind: str) -> None:
    run = rollout(tiny=True)
    coder = run.autoencoders[kind]
    z = latents(6)
    pictures = torch.rand((21, 3, *SIZE), generator=torch.Generator().manual_seed(6)).double()
    memory: list[Any] = []
    parts = [coder.decode(z[:, :, a:b], memory) for a, b in ((0, 1), (1, 2), (2, 6))]
    assert [len(part) for part in parts] == [1, 4, 16]
    back: list[Any] = []
    read = [coder.encode(pictures[a:b], back) for a, b in ((0, 1), (1, 9), (9, 21))]
    assert [part.shape[2] for part in read] == [1, 2, 3]
    decode, encode = (wan_whole if kind == "wan" else tiny_whole)()
    assert (torch.cat(parts) - decode(z)).abs().max() < EXACT
    assert (torch.cat(read, 2) - encode(pictures)).abs().max() < EXACT


Whole = tuple[Callable[[torch.Tensor], torch.Tensor], Callable[[torch.Tensor], torch.Tensor]]


def wan_whole() -> Whole:
    """diffusers' own calls for a clip."""
    vae = copy.deepcopy(trees.vae()).double()
    mean, std = 0.1, 1.5

    def decode(z: torch.Tensor) -> torch.Tensor:
        return vae.decode(z * std + mean).sample[0].transpose(0, 1) / 2 + 0.5  # type: ignore[no-any-return]

    def encode(pictures: torch.Tensor) -> torch.Tensor:
        told = vae.encode((2 * pictures - 1).transpose(0, 1)[None]).latent_dist.mode()
        return (told - mean) / std  # type: ignore[no-any-return]

    return decode, encode


def tiny_whole() -> Whole:
    """A clip at once: every block's past is the picture before, nothing before the first."""
    from phosphene.diffusion.wan.tiny import Remembering

    net = copy.deepcopy(trees.taehv()).double()

    def run(layers: Any, x: torch.Tensor) -> torch.Tensor:
        for layer in layers:
            if isinstance(layer, Remembering):
                x = layer(x, torch.cat([torch.zeros_like(x[:1]), x[:-1]]))
            else:
                x = layer(x)
        return x

    def decode(z: torch.Tensor) -> torch.Tensor:
        return run(net.decoder, z[0].transpose(0, 1))[3:].clamp(0, 1)

    def encode(pictures: torch.Tensor) -> torch.Tensor:
        padded = torch.cat([pictures[:1]] * 3 + [pictures])
        return run(net.encoder, padded).transpose(0, 1)[None]

    return decode, encode


def test_saved_killed_and_restored_the_next_pictures_are_the_same() -> None:
    video = torch.rand((21, 3, *SIZE), generator=torch.Generator().manual_seed(2)).double()

    def over(run: Rollout, state: WanState) -> torch.Tensor:
        at = 0 if not state.frame else 4 * state.chunk - 3
        return run.draw_over_batched(state, video[at : at + (4 if at else 1)], 0.7, 2, "tiny")

    kinds: tuple[Callable[[Rollout, WanState], torch.Tensor], ...] = (
        lambda run, state: run.draw(state, 3, 2, "wan"),
        over,
    )
    for draw in kinds:
        run = rollout(tiny=True)
        state = opened(run)
        for _ in range(3):
            draw(run, state)
        kept = dump(state)
        expected = [draw(run, state) for _ in range(2)]
        again = rollout(tiny=True)
        resumed = restore(kept, again.network.weight)
        assert dump(resumed) == kept
        for each in expected:
            assert torch.equal(each, draw(again, resumed))


def test_levels_are_the_published_ones() -> None:
    flow = ShiftedFlow(5.0)
    assert flow.warped((1000, 750, 500, 250)) == pytest.approx(
        (1000, 937.5, 833.333, 625), abs=1e-3
    )
    assert ShiftedFlow(8.0).sigma(700.0) == pytest.approx(0.7, abs=2e-3)
    assert flow.sigma(0.0) == 0.0 and flow.sigma(937.5) == pytest.approx(0.9375)
    assert fewer((1000, 750, 500, 250), 2) == (1000, 500)
    assert fewer((1000, 750, 500, 250), 1) == (1000,)
    assert fewer((1000, 500), 4) == (1000, 500)
