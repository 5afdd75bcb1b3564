"""Drawing a stream back to what it follows, so that its shapes do not melt away."""

from __future__ import annotations

from phosphene.stream.arrays import Array


def towards(previous: Array, anchor: Array, weight: float) -> Array:
    """``previous`` (b c h w) moved by ``weight`` 0..1 towards ``anchor`` (1 c h w).

    A self-fed one-step stream predicts means and so loses detail a little with every frame; a share of
    a clean latent restores it (kNN-Diffusion, Sheynin et al. 2022, conditions on retrieved examples).
    It is only the start of a frame; the model still draws it.
    """
    return previous if weight <= 0.0 else previous + weight * (anchor - previous)
