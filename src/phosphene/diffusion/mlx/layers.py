"""The few layers that all networks are made of, as functions of named weights.

Pictures are (b h w c) in here, as MLX's convolutions want them. Names are those of the published files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

import mlx.core as mx

from phosphene.errors import ModelError

Weights = Mapping[str, mx.array]
"""by full name: matrices (out, in), kernels (out h w in), and packed matrices beside scales and biases"""


@dataclass(frozen=True)
class Layer:
    """The weights under one name."""

    weights: Weights
    name: str = ""

    def __getitem__(self, part: str | int) -> Layer:
        """A part of it, whose weights may be absent."""
        return Layer(self.weights, f"{self.name}.{part}" if self.name else str(part))

    def get(self, kind: str) -> mx.array | None:
        """Its ``weight``, ``bias`` ..., if it has one."""
        return self.weights.get(f"{self.name}.{kind}")

    @property
    def weight(self) -> mx.array:
        """Its weight. Raises ModelError."""
        found = self.get("weight")
        if found is None:
            raise ModelError(
                f"the weights lack '{self.name}', which the model's config asks for: download it again."
            )
        return found


def linear(layer: Layer, x: mx.array) -> mx.array:
    """(... in) -> (... out); a matrix stored with ``scales`` is a quantised one."""
    weight, bias, scales = layer.weight, layer.get("bias"), layer.get("scales")
    if scales is None:
        return x @ weight.T if bias is None else mx.addmm(bias, x, weight.T)
    y = mx.quantized_matmul(
        x,
        weight,
        scales,
        layer.get("biases"),
        transpose=True,
        group_size=x.shape[-1] // scales.shape[-1],
        bits=32 * weight.shape[-1] // x.shape[-1],
    )
    return y if bias is None else y + bias


def conv(layer: Layer, x: mx.array, stride: int = 1) -> mx.array:
    """Convolution that keeps the size, or halves it; a kernel of 1 x 1 is stored as a matrix."""
    weight, bias = layer.weight, layer.get("bias")
    if weight.ndim == 2:
        return linear(layer, x)
    y = mx.conv2d(x, weight, stride=stride, padding=weight.shape[1] // 2)
    return y if bias is None else y + bias


def group_norm(layer: Layer, x: mx.array, groups: int, eps: float) -> mx.array:
    """Wu & He 2018 over (b ... c); neighbouring channels form a group."""
    b, c = x.shape[0], x.shape[-1]
    grouped = x.reshape(b, -1, groups, c // groups).swapaxes(1, 2)
    normal = mx.fast.layer_norm(grouped.reshape(b, groups, -1), None, None, eps)
    normal = normal.reshape(b, groups, -1, c // groups).swapaxes(1, 2).reshape(x.shape)
    return _affine(layer, normal)


def layer_norm(layer: Layer, x: mx.array, eps: float = 1e-5) -> mx.array:
    """Over the last axis."""
    return mx.fast.layer_norm(x, layer.weight, layer.get("bias"), eps)


def attend(q: mx.array, k: mx.array, v: mx.array, heads: int, causal: bool = False) -> mx.array:
    """Scaled dot product attention of (b n heads*d) by (b m heads*d) -> (b n heads*d)."""

    def split(x: mx.array) -> mx.array:
        return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)

    scale = (q.shape[-1] // heads) ** -0.5
    mask = "causal" if causal else None
    seen = mx.fast.scaled_dot_product_attention(
        split(q), split(k), split(v), scale=scale, mask=mask
    )
    return seen.swapaxes(1, 2).reshape(q.shape)


def silu(x: mx.array) -> mx.array:
    """x sigmoid(x)."""
    return x * mx.sigmoid(x)


def gelu(x: mx.array) -> mx.array:
    """x Phi(x), exact."""
    return x * (1 + mx.erf(x * 0.5**0.5)) / 2


def twice_as_large(x: mx.array) -> mx.array:
    """(b h w c) -> (b 2h 2w c), nearest neighbours."""
    b, h, w, c = x.shape
    return mx.broadcast_to(x[:, :, None, :, None], (b, h, 2, w, 2, c)).reshape(b, 2 * h, 2 * w, c)


def sinusoids(x: mx.array, width: int, cos_first: bool, shift: float) -> mx.array:
    """(n,) -> (n, width) float32: Vaswani 2017's positions, as diffusers' ``get_timestep_embedding``."""
    half = width // 2
    rates = mx.exp(-log(10000.0) * mx.arange(half) / (half - shift))
    angles = x.astype(mx.float32)[:, None] * rates[None]
    waves = [mx.cos(angles), mx.sin(angles)]
    return mx.concatenate(waves if cos_first else waves[::-1], axis=-1)


def _affine(layer: Layer, x: mx.array) -> mx.array:
    y, bias = x * layer.weight, layer.get("bias")
    return y if bias is None else y + bias
