"""FLUX.2 in front of a still camera: cells of the picture that did not change are not drawn again.

Every layer's keys and values of all tokens stay from call to call, and so does the answer. Where the
network is told something else of a cell than when the cell was last drawn, it is drawn anew, and looks at
all the others as they were. Words and references keep what they were in the last full call, which makes
this an approximation: a full call comes every so often, and where :mod:`phosphene.diffusion.guards` say so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from phosphene.diffusion.guards import DIFFERENCE, RANGE, Told

if TYPE_CHECKING:
    import torch

CHANGED = DIFFERENCE * RANGE
"""mean difference of a cell's clean latent from which it is drawn anew"""
AROUND = 2
"""cells about a changed one that are drawn with it"""
MANY = 0.5
"""share of changed cells from which all are drawn: then it is another picture, to the words too"""
CALLS = 4
"""calls of different times that are kept, a step of a frame each"""


@dataclass
class Given:
    """One call: tokens of the picture, then those of references."""

    tokens: torch.Tensor
    """(b n c)"""
    ids: torch.Tensor
    """(n 4) where they are"""
    embeds: torch.Tensor
    """(b words hidden)"""
    times: torch.Tensor
    """(b,) 0..1"""
    grid: tuple[int, int]
    """rows and columns of cells"""
    follows: bool = False
    """whether the last tokens are the input picture's, cell by cell"""


@dataclass
class Kept:
    """What is known of a call at these times."""

    told: Told
    given: Given
    """its tokens as each was last drawn"""
    answer: torch.Tensor
    """(b cells c)"""
    keys: list[torch.Tensor]
    """of every layer (b words+n heads width), turned"""
    values: list[torch.Tensor]


Forward = Callable[[Given], "torch.Tensor"]


class CellCache:
    """The calls of streams on one network, which take turns.

    Args:
        net: diffusers' ``Flux2Transformer2DModel``; gets other attention processors.
        most: calls from one in full to the next.
    """

    def __init__(self, net: Any, most: int) -> None:
        self._most = most
        self._streams: WeakKeyDictionary[Any, dict[tuple[float, ...], Kept]] = WeakKeyDictionary()
        self._lock = Lock()
        self.keys: list[torch.Tensor] = []
        self.values: list[torch.Tensor] = []
        self.places: torch.Tensor | None = None
        """of the tokens of a call in all of them; None: it has all"""
        for layer, block in enumerate([*net.transformer_blocks, *net.single_transformer_blocks]):
            double = layer < len(net.transformer_blocks)
            block.attn.set_processor((_Double if double else _Single)(self, layer))

    def forget(self) -> None:
        """Let every stream begin anew: the network is another."""
        with self._lock:
            self._streams.clear()

    def __call__(
        self,
        owner: object,
        given: Given,
        forward: Forward,
        pictures: tuple[torch.Tensor, ...],
        cut: bool,
    ) -> torch.Tensor:
        """The network's answer (b cells c) for ``owner``.

        ``forward`` is the network; ``pictures`` (b c h w) the clean latents that the frame comes from, as far
        as they are known. Waits for the device.
        """
        with self._lock:
            calls = self._streams.setdefault(owner, {})
            if cut:
                calls.clear()
            when = tuple(given.times.tolist())
            kept = calls.get(when)
            drawn = None if kept is None else self._drawn(kept, given, pictures)
            if kept is None or drawn is None:
                self.keys, self.values, self.places = [], [], None
                answer = forward(given)[:, : given.grid[0] * given.grid[1]]
                # the caller's own latents are not written to
                own = replace(given, tokens=given.tokens.clone())
                calls.pop(when, None)
                calls[when] = Kept(
                    Told(given.embeds, pictures), own, answer, self.keys, self.values
                )
                while len(calls) > CALLS:
                    calls.pop(next(iter(calls)))
            elif len(drawn):
                self._draw(kept, given, drawn, forward)
            # what is kept is not handed out: the next call changes it in place
            self.keys, self.values = [], []
            return calls[when].answer.clone()

    def _drawn(
        self, kept: Kept, given: Given, pictures: tuple[torch.Tensor, ...]
    ) -> torch.Tensor | None:
        """Numbers of the cells to draw; None: all of it anew."""
        kept.told.calls += 1
        before = kept.given
        alike = before.tokens.shape == given.tokens.shape and before.grid == given.grid
        if (
            not alike
            or kept.told.calls >= self._most
            or not kept.told.holds(given.embeds, pictures)
        ):
            return None
        from torch.nn.functional import max_pool2d

        cells = given.grid[0] * given.grid[1]
        moved = (given.tokens - before.tokens).float().abs().mean(dim=2)
        # of a noisy picture only a share is the picture
        shares = 1.0 - given.times.float()[:, None]
        seen = (moved[:, :cells] > CHANGED * shares).any(dim=0)
        if given.follows:
            seen = seen | (moved[:, -cells:] > CHANGED).any(dim=0)
        if float(seen.float().mean()) > MANY:
            return None
        wide = max_pool2d(seen.float().view(1, 1, *given.grid), 2 * AROUND + 1, 1, AROUND)
        return wide.flatten().nonzero()[:, 0]

    def _draw(self, kept: Kept, given: Given, drawn: torch.Tensor, forward: Forward) -> None:
        """Draw some cells, and read the input picture's there, amid what is kept."""
        import torch

        cells, all_of = given.grid[0] * given.grid[1], given.tokens.shape[1]
        own = torch.cat([drawn, all_of - cells + drawn]) if given.follows else drawn
        words = given.embeds.shape[1]
        self.keys, self.values, self.places = kept.keys, kept.values, words + own
        some = replace(
            given, tokens=given.tokens[:, own], ids=given.ids[own], embeds=given.embeds[:, :0]
        )
        kept.answer[:, drawn] = forward(some)[:, : len(drawn)]
        kept.given.tokens[:, own] = some.tokens

    def exchange(
        self, layer: int, key: torch.Tensor, value: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keep a layer's keys and values (b n heads width); all there are."""
        if self.places is None:
            self.keys.append(key.contiguous())
            self.values.append(value.contiguous())
        else:
            self.keys[layer][:, self.places] = key
            self.values[layer][:, self.places] = value
        return self.keys[layer], self.values[layer]


class _Looking:
    """What diffusers' processors have in common here: they look at all that is kept."""

    _attention_backend = None
    _parallel_config = None

    def __init__(self, cache: CellCache, layer: int) -> None:
        self._cache, self._layer = cache, layer

    def _attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, turn: Any
    ) -> torch.Tensor:
        """(b n heads width) each -> (b n heads*width), looking at all that is kept."""
        from diffusers.models.attention_dispatch import dispatch_attention_fn
        from diffusers.models.embeddings import apply_rotary_emb

        query = apply_rotary_emb(query, turn, sequence_dim=1)
        key = apply_rotary_emb(key, turn, sequence_dim=1)
        key, value = self._cache.exchange(self._layer, key, value)
        out = dispatch_attention_fn(query, key, value, backend=self._attention_backend)
        flat: torch.Tensor = out.flatten(2, 3).to(query.dtype)
        return flat


class _Double(_Looking):
    """diffusers' ``Flux2AttnProcessor`` that looks at what is kept as well."""

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: Any = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Picture (b n width) and words (b m width) -> the same."""
        import torch

        def heads(x: torch.Tensor) -> torch.Tensor:
            return x.view(*x.shape[:-1], attn.heads, attn.head_dim)

        words = encoder_hidden_states
        query = torch.cat(
            [
                attn.norm_added_q(heads(attn.add_q_proj(words))),
                attn.norm_q(heads(attn.to_q(hidden_states))),
            ],
            dim=1,
        )
        key = torch.cat(
            [
                attn.norm_added_k(heads(attn.add_k_proj(words))),
                attn.norm_k(heads(attn.to_k(hidden_states))),
            ],
            dim=1,
        )
        value = torch.cat([heads(attn.add_v_proj(words)), heads(attn.to_v(hidden_states))], dim=1)
        out = self._attend(query, key, value, image_rotary_emb)
        told, drawn = out[:, : words.shape[1]], out[:, words.shape[1] :]
        return attn.to_out[1](attn.to_out[0](drawn)), attn.to_add_out(told)


class _Single(_Looking):
    """diffusers' ``Flux2ParallelSelfAttnProcessor``, likewise."""

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: Any = None,
    ) -> torch.Tensor:
        """(b n width) -> the same."""
        import torch

        both = attn.to_qkv_mlp_proj(hidden_states)
        width = attn.inner_dim
        query, key, value = (
            both[..., i * width : (i + 1) * width].unflatten(-1, (attn.heads, attn.head_dim))
            for i in range(3)
        )
        out = self._attend(attn.norm_q(query), attn.norm_k(key), value, image_rotary_emb)
        mixed = torch.cat([out, attn.mlp_act_fn(both[..., 3 * width :])], dim=-1)
        told: torch.Tensor = attn.to_out(mixed)
        return told
