"""Drawing a stream back to a remembered picture, so that its shapes do not melt away."""

from __future__ import annotations

from phosphene.stream.arrays import Array, Home

MEANS = 0.3
"""share of the weight that a channel's mean is drawn by"""


def towards(previous: Array, anchor: Array, weight: float) -> Array:
    """``previous`` (b c h w) moved by ``weight`` 0..1 towards the shapes of ``anchor`` (1 c h w).

    A self-fed one-step stream predicts means and so loses detail a little with every frame; a share of
    a clean latent restores it (kNN-Diffusion, Sheynin et al. 2022, conditions on retrieved examples).
    Each channel's mean, which is most of the colour, is drawn less (``MEANS``): prompt and music colour
    the stream, the memory keeps it from drifting. And it is only the start of a frame; the model still
    draws it.
    """
    if weight <= 0.0:
        return previous
    xp = Home.of(previous).namespace

    def mean(x: Array) -> Array:
        return xp.mean(x, axis=(-2, -1), keepdims=True)

    drift = mean(anchor) - mean(previous)
    return previous + weight * (anchor - previous - (1.0 - MEANS) * drift)
