"""diffusers' Wan transformer made causal: its own weights and blocks, other attention processors.

Within a chunk attention is full, before it everything in the cache is seen, after it there is nothing; so no
mask is needed. Roll-outs hang on what they were trained with to the digit: norms are computed in 32 bits,
rotations and timesteps' waves in 64.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch

from phosphene.diffusion.wan.cache import EMPTY, KeyValueCache

Tensor = torch.Tensor
ROPE_BASE = 10000.0
"""wave lengths of positions, as in training (Su 2021)"""


@dataclass(eq=False)
class Prompt:
    """An encoded prompt, and what every layer makes of it, once."""

    embeds: Tensor
    """(1, tokens, hidden)"""
    keys: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Call:
    """What the processors of one forward pass must know."""

    cache: KeyValueCache
    rows: slice
    """of the cache"""
    slots: list[list[int]]
    """where the frames of each row go"""
    used: int
    """slots from the first that hold something in any of the rows"""
    here: Tensor
    """complex turns of the queries"""
    there: Tensor
    """complex turns of the keys that are read"""
    mask: Tensor | None
    """which keys a row sees, where rows differ"""
    prompt: Prompt


class CausalSelfAttention:
    """Self attention of one layer: writes the chunk's keys and values, reads all there are."""

    _attention_backend = None
    _parallel_config = None

    def __init__(self, network: CausalWan, layer: int) -> None:
        self._network, self._layer = network, layer

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        rotary_emb: Any = None,
    ) -> Tensor:
        """(rows, tokens, width) -> the same."""
        call, layer = self._network.call, self._layer
        query, key, value = (
            (attn.to_q(hidden_states), attn.to_k(hidden_states), attn.to_v(hidden_states))
            if not getattr(attn, "fused_projections", False)
            else attn.to_qkv(hidden_states).chunk(3, dim=-1)
        )
        query = _normed(attn.norm_q, query).unflatten(2, (attn.heads, -1))
        key = _normed(attn.norm_k, key).unflatten(2, (attn.heads, -1))
        value = value.unflatten(2, (attn.heads, -1))
        keys, values = call.cache.keys[layer][call.rows], call.cache.values[layer][call.rows]
        for row, slots in enumerate(call.slots):
            keys[row, slots] = key[row].unflatten(0, (len(slots), -1))
            values[row, slots] = value[row].unflatten(0, (len(slots), -1))
        seen = keys[:, : call.used].flatten(1, 2)
        out = _attend(
            self, turned(query, call.here), turned(seen, call.there),
            values[:, : call.used].flatten(1, 2), call.mask,
        )  # fmt: skip
        return attn.to_out[1](attn.to_out[0](out))  # type: ignore[no-any-return]


class PromptAttention:
    """Cross attention of one layer: a prompt's keys and values are computed once."""

    _attention_backend = None
    _parallel_config = None

    def __init__(self, network: CausalWan, layer: int) -> None:
        self._network, self._layer = network, layer

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        rotary_emb: Any = None,
    ) -> Tensor:
        """(rows, tokens, width) -> the same."""
        known = self._network.call.prompt.keys
        if self._layer not in known:
            text = encoder_hidden_states[:1]
            key, value = (
                (attn.to_k(text), attn.to_v(text))
                if not getattr(attn, "fused_projections", False)
                else attn.to_kv(text).chunk(2, dim=-1)
            )
            known[self._layer] = (
                _normed(attn.norm_k, key).unflatten(2, (attn.heads, -1)),
                value.unflatten(2, (attn.heads, -1)),
            )
        query = _normed(attn.norm_q, attn.to_q(hidden_states)).unflatten(2, (attn.heads, -1))
        key, value = (each.expand(query.shape[0], -1, -1, -1) for each in known[self._layer])
        out = _attend(self, query, key, value, None)
        return attn.to_out[1](attn.to_out[0](out))  # type: ignore[no-any-return]


class CausalWan:
    """A ``WanTransformer3DModel`` that draws the frames after those in a cache.

    Thread-safe: streams on one network take turns.
    """

    def __init__(self, transformer: Any) -> None:
        config = transformer.config
        self.transformer = transformer
        self.layers = len(transformer.blocks)
        self.heads, self.head_width = config.num_attention_heads, config.attention_head_dim
        self.channels = config.in_channels
        self.patch = tuple(config.patch_size[1:])
        self._lock = threading.Lock()
        self.call: Call
        transformer.rope = _Nothing()
        embedder = transformer.condition_embedder
        embedder.timesteps_proj = ExactWaves(config.freq_dim, transformer.proj_out.weight)
        for layer, block in enumerate(transformer.blocks):
            block.attn1.set_processor(CausalSelfAttention(self, layer))
            block.attn2.set_processor(PromptAttention(self, layer))

    @property
    def weight(self) -> Tensor:
        """One of its own, for its dtype and device."""
        weight: Tensor = self.transformer.proj_out.weight
        return weight

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """(rows, columns) of tokens of a latent frame."""
        return height // self.patch[0], width // self.patch[1]

    def cache(
        self, height: int, width: int, sink: int, window: int, rows: int = 1
    ) -> KeyValueCache:
        """An empty cache for latent frames of a size."""
        down, across = self.grid(height, width)
        shape = (self.layers, down * across, self.heads, self.head_width)
        return KeyValueCache(self.weight, shape, sink, window, rows)

    @torch.no_grad()
    def __call__(
        self,
        latents: Tensor,
        timesteps: Sequence[float],
        prompt: Prompt,
        cache: KeyValueCache,
        starts: Sequence[int],
        first_row: int = 0,
    ) -> Tensor:
        """Predict ``v`` (rows c f h w) of a chunk after what the cache holds; its keys go into the cache.

        Row ``i`` has noise of ``timesteps[i]``, begins at latent frame ``starts[i]`` and is row ``first_row
        + i`` of the cache.
        """
        rows, _, frames, height, width = latents.shape
        numbers = [range(start, start + frames) for start in starts]
        slots = [cache.claim(first_row + i, each) for i, each in enumerate(numbers)]
        places = [cache.positions(first_row + i) for i in range(rows)]
        used = max(i + 1 for row in places for i, place in enumerate(row) if place != EMPTY)
        grid, precise = self.grid(height, width), self.weight.dtype == torch.float64
        there = tuple(tuple(max(0, place) for place in row[:used]) for row in places)
        here = tuple(tuple(row[s] for s in own) for row, own in zip(places, slots, strict=True))
        table = (grid, self.head_width, self.weight.device, precise)
        mask = None
        if any(place == EMPTY for row in places for place in row[:used]):
            seen = torch.tensor([[place != EMPTY for place in row[:used]] for row in places])
            tokens = grid[0] * grid[1]
            mask = seen.to(latents.device).repeat_interleave(tokens, 1)[:, None, None, :]
        weight = self.weight
        with self._lock:
            self.call = Call(
                cache=cache,
                rows=slice(first_row, first_row + rows),
                slots=slots,
                used=used,
                here=turns(here, *table),
                there=turns(there, *table),
                mask=mask,
                prompt=prompt,
            )
            out: Tensor = self.transformer(
                latents.to(weight.dtype),
                torch.tensor(list(timesteps), dtype=torch.float64),
                prompt.embeds.to(weight.dtype).expand(rows, -1, -1),
                return_dict=False,
            )[0]
        return out


class _Nothing(torch.nn.Module):
    """In place of the rotations from frame 0 on."""

    def forward(self, hidden_states: Tensor) -> None:
        return None


class ExactWaves(torch.nn.Module):
    """Waves of timesteps (n,) on the host -> (n, width), cosines first, counted in 64 bits (Vaswani 2017)."""

    home: Tensor

    def __init__(self, width: int, like: Tensor) -> None:
        super().__init__()
        self._half = width // 2
        precise = like.dtype == torch.float64
        dtype = torch.float64 if precise else torch.float32
        self.register_buffer("home", torch.empty(0, device=like.device, dtype=dtype), False)

    def forward(self, timesteps: Tensor) -> Tensor:
        rates = torch.arange(self._half, dtype=torch.float64) / self._half
        angles = timesteps[:, None] * ROPE_BASE**-rates
        return torch.cat([angles.cos(), angles.sin()], dim=1).to(self.home)


@lru_cache(maxsize=16)
def turns(
    positions: tuple[tuple[int, ...], ...],
    grid: tuple[int, int],
    width: int,
    device: torch.device,
    precise: bool,
) -> Tensor:
    """Complex turns (rows, frames * tokens, 1, width / 2) of tokens at ``positions`` of frames.

    Of a head's pairs a third each are for the token's row and column, rounded down, and the rest is for
    time, each with wave lengths of its own from 1 to 10000 (Wan's 22, 21 and 21 of 64).
    """
    side = width // 6
    pairs = (width // 2 - 2 * side, side, side)

    def waves(places: Tensor, count: int) -> Tensor:
        rates = ROPE_BASE ** -(torch.arange(count, dtype=torch.float64) / count)
        return places[..., None] * rates

    down, across = (torch.arange(n, dtype=torch.float64) for n in grid)
    time = torch.tensor(positions, dtype=torch.float64)
    shape = (*time.shape, *grid)
    angles = torch.cat(
        [
            waves(time, pairs[0])[:, :, None, None].expand(*shape, -1),
            waves(down, pairs[1])[None, None, :, None].expand(*shape, -1),
            waves(across, pairs[2])[None, None, None].expand(*shape, -1),
        ],
        dim=-1,
    ).flatten(1, 3)[:, :, None]
    whole = torch.polar(torch.ones_like(angles), angles)
    return whole.to(torch.complex128 if precise else torch.complex64).to(device)


def turned(states: Tensor, turn: Tensor) -> Tensor:
    """(rows, tokens, heads, width) with neighbouring numbers turned as pairs."""
    exact = states.double() if turn.dtype == torch.complex128 else states.float()
    pairs = torch.view_as_complex(exact.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turn).flatten(-2).type_as(states)


def _normed(norm: Any, states: Tensor) -> Tensor:
    """RMS over all heads together, in 32 bits at least."""
    exact = states if states.dtype == torch.float64 else states.float()
    weight = norm.weight.to(exact.dtype)
    out = torch.nn.functional.rms_norm(exact, norm.normalized_shape, weight, norm.eps)
    return out.type_as(states)


def _attend(
    processor: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None
) -> Tensor:
    """(rows, tokens, heads, width) each -> (rows, tokens, heads * width), by the kernel that was chosen."""
    from diffusers.models.attention_dispatch import dispatch_attention_fn

    out = dispatch_attention_fn(
        query, key, value, attn_mask=mask, backend=processor._attention_backend
    )
    return out.flatten(2, 3).type_as(query)  # type: ignore[no-any-return]
