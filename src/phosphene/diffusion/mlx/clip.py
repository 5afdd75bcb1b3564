"""CLIP's text encoder (Radford 2021), with and without a pooled projection, of transformers' weights."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from phosphene.diffusion.mlx.layers import Layer, attend, gelu, layer_norm, linear
from phosphene.errors import ModelError

FIRST_EOS = 2
"""the end token that OpenAI's configs state wrongly; the real one has the highest number of all"""


class MlxTextNet:
    """A ``TextNet`` of :mod:`phosphene.diffusion.sd.text`.

    ``penultimate`` (SDXL) gives the layer before the last, not normalised.
    """

    def __init__(self, config: dict[str, Any], weights: Layer, penultimate: bool = False) -> None:
        activation = config.get("hidden_act", "quick_gelu")
        if activation not in ("quick_gelu", "gelu"):
            raise ModelError(f"a text encoder's activation '{activation}' is unknown to MLX.")
        self.rows = int(config["max_position_embeddings"])
        self.hidden = int(config["hidden_size"])
        self._exact = activation == "gelu"
        self._layers = int(config["num_hidden_layers"])
        self._heads = int(config["num_attention_heads"])
        self._eps = float(config.get("layer_norm_eps", 1e-5))
        self._end = int(config.get("eos_token_id", FIRST_EOS))
        self._weights = weights
        self._penultimate = penultimate

    def __call__(self, ids: list[list[int]]) -> tuple[mx.array, mx.array | None]:
        """Token ids of n windows -> (n, rows, hidden) and, if it has one, (n, pooled), float32."""
        net, tokens = self._weights, mx.array(ids)
        places = net["embeddings"]["position_embedding"].weight[: tokens.shape[1]]
        x = net["embeddings"]["token_embedding"].weight[tokens] + places
        before = x
        for index in range(self._layers):
            before, x = x, self._layer(net["encoder"]["layers"][index], x)
        last = layer_norm(net["final_layer_norm"], x, self._eps)
        states = (before if self._penultimate else last).astype(mx.float32)
        pooled = self._pooled(ids, last)
        mx.eval([states] if pooled is None else [states, pooled])
        return states, pooled

    def _layer(self, layer: Layer, x: mx.array) -> mx.array:
        y, own = layer_norm(layer["layer_norm1"], x, self._eps), layer["self_attn"]
        q, k, v = (linear(own[name], y) for name in ("q_proj", "k_proj", "v_proj"))
        x = x + linear(own["out_proj"], attend(q, k, v, self._heads, causal=True))
        y = linear(layer["mlp"]["fc1"], layer_norm(layer["layer_norm2"], x, self._eps))
        y = gelu(y) if self._exact else y * mx.sigmoid(1.702 * y)
        return x + linear(layer["mlp"]["fc2"], y)

    def _pooled(self, ids: list[list[int]], last: mx.array) -> mx.array | None:
        """The end token's row, projected."""
        if self._weights["text_projection"].get("weight") is None:
            return None
        ends = [max(row) if self._end == FIRST_EOS else self._end for row in ids]
        places = [row.index(end) for row, end in zip(ids, ends, strict=True)]
        rows = last[mx.arange(len(ids)), mx.array(places)]
        return linear(self._weights["text_projection"], rows).astype(mx.float32)
