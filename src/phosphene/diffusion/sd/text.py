"""Prompts with weights -> embeddings of one or two CLIP text encoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import Any, Protocol

import numpy as np

from phosphene.arrays import Array, like
from phosphene.diffusion.notices import say_once
from phosphene.namespaces import array_namespace
from phosphene.prompt.weights import parse_weights

CACHED_PROMPTS = 64
"""embeddings kept, 0.24 MB each for SD 1.5; a show has its base prompt and twelve chroma prompts"""


class TextNet(Protocol):
    """A text encoder's network, in whatever library it runs."""

    @property
    def rows(self) -> int:
        """Most tokens it reads at once."""
        ...

    @property
    def hidden(self) -> int:
        """Width of its embeddings."""
        ...

    def __call__(self, ids: list[list[int]]) -> tuple[Array, Array | None]:
        """Token ids of n windows -> (n, rows, hidden) and, if it has one, (n, pooled), float32."""
        ...


@dataclass(frozen=True)
class Tower:
    """A CLIP tokenizer and its text encoder."""

    tokenizer: Any
    encoder: TextNet

    @property
    def length(self) -> int:
        """Tokens it reads at once, with start and end."""
        # a tokenizer without a limit of its own says 1e30
        return min(int(self.tokenizer.model_max_length), self.encoder.rows)

    @property
    def hidden(self) -> int:
        """Width of its embeddings."""
        return self.encoder.hidden

    def tokenize(self, prompt: str) -> tuple[list[int], list[float]]:
        """Token ids and their weights, without start and end."""
        ids: list[int] = []
        weights: list[float] = []
        for piece, weight in parse_weights(prompt):
            found = self.tokenizer(piece, add_special_tokens=False, verbose=False).input_ids
            ids += found
            weights += [weight] * len(found)
        return ids, weights

    def window(self, ids: list[int], weights: list[float]) -> tuple[list[int], list[float]]:
        """At most ``length - 2`` tokens with start, end and padding, and all their weights."""
        padding = self.length - 2 - len(ids)
        ends = self.tokenizer
        ids = [ends.bos_token_id, *ids, ends.eos_token_id] + [ends.pad_token_id] * padding
        return ids, [1.0, *weights, 1.0] + [1.0] * padding


class PromptEncoder:
    """One text encoder (SD 1, SD 2) or two side by side (SDXL).

    Every prompt is encoded alone, so that it gives the same numbers whatever it is batched with. All
    embeddings have the same shape, so that any two can be blended: a prompt that needs fewer windows
    than there are repeats them, which attention over twice the same keys does not notice.

    With ``pooled``, the pooled embedding of the last encoder is the last row, padded with zeros, so that
    it is blended, batched and saved with the rest; :func:`split_pooled` takes it off again.

    Args:
        towers: their embeddings are put side by side.
        windows: how many times ``length`` tokens an embedding holds.
        pooled: SDXL: the layer before the last, not normalised, and a pooled row.
        empty_is_zero: SDXL: "no prompt" is all zeros, as it was in training.
    """

    def __init__(
        self,
        towers: Sequence[Tower],
        windows: int = 1,
        pooled: bool = False,
        empty_is_zero: bool = False,
    ) -> None:
        self._towers = list(towers)
        self._windows = windows
        self._pooled = pooled
        self._empty_is_zero = empty_is_zero
        self.encode = lru_cache(maxsize=CACHED_PROMPTS)(self._encode)

    @property
    def nets(self) -> list[Any]:
        """The text encoders' networks."""
        return [tower.encoder for tower in self._towers]

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, width) of an encoded prompt."""
        rows = self._towers[0].length * self._windows + int(self._pooled)
        return rows, sum(tower.hidden for tower in self._towers)

    def _encode(self, prompt: str) -> Array:
        """Embed one prompt -> ``shape`` float32. Call it as ``encode``, which is cached."""
        sides, last = [], None
        for tower in self._towers:
            embeds, last = self._climb(tower, prompt)
            sides.append(embeds)
        xp = array_namespace(*sides)
        rows = xp.concat(sides, axis=-1)
        if self._pooled and last is not None:
            row = xp.concat([last, xp.zeros_like(rows[0, last.shape[0] :])], axis=0)
            rows = xp.concat([rows, row[None]], axis=0)
        return xp.zeros_like(rows) if self._empty_is_zero and not prompt.strip() else rows

    def _climb(self, tower: Tower, prompt: str) -> tuple[Array, Array | None]:
        """One tower's embedding (rows, hidden) of a prompt, and its pooled embedding if it has one."""
        ids, weights = self._windows_of(tower, prompt)
        states, pooled = tower.encoder(ids)
        xp = array_namespace(states)
        embeds = xp.reshape(states, (-1, states.shape[-1]))
        flat = np.array([weight for window in weights for weight in window], np.float32)
        if (flat != 1.0).any():
            embeds = weigh(embeds, like(flat, embeds))
        embeds = xp.concat([embeds] * ceil(self._windows / len(ids)), axis=0)
        embeds = embeds[: tower.length * self._windows]
        return embeds, None if pooled is None else pooled[0]

    def _windows_of(self, tower: Tower, prompt: str) -> tuple[list[list[int]], list[list[float]]]:
        """Token ids and weights of as many windows as the prompt needs, at most all there are."""
        ids, weights = tower.tokenize(prompt)
        room = tower.length - 2
        most = room * self._windows
        if len(ids) > most:
            lost = tower.tokenizer.decode(ids[most:])
            say_once(
                f"a prompt is cut to {most} tokens, diffusion.prompt_windows sets how many;"
                f" lost: '{lost:.80}'."
            )
        starts = range(0, max(1, min(len(ids), most)), room)
        windows = [
            tower.window(ids[i : i + room][: most - i], weights[i : i + room][: most - i])
            for i in starts
        ]
        return [window[0] for window in windows], [window[1] for window in windows]


def split_pooled(embeds: Array, width: int) -> tuple[Array, Array]:
    """(b, rows, hidden) with a pooled last row -> (b, rows - 1, hidden) and (b, width)."""
    return embeds[:, :-1], embeds[:, -1, :width]


def weigh(embeds: Array, weights: Array) -> Array:
    """Scale the embedding (seq, hidden) of each token by its weight (seq,), then restore the mean.

    This is the "original" emphasis of AUTOMATIC1111's stable-diffusion-webui
    (``modules/sd_emphasis.py``), except that the mean of the magnitudes is restored, not the signed
    mean: that one is near zero for some encoders, and dividing by it can flip the embedding.
    """
    xp = array_namespace(embeds)
    scaled = embeds * weights[:, None]
    return scaled * (xp.mean(xp.abs(embeds)) / xp.mean(xp.abs(scaled)))
