"""Blending of prompt embeddings, in the namespace of the embeddings."""

from __future__ import annotations

from typing import Literal

from phosphene.namespaces import Array, array_namespace

Method = Literal["slerp", "lerp"]

# below this sine of the angle slerp and lerp agree to float32 precision
_PARALLEL = 1e-3


def lerp(a: Array, b: Array, t: float) -> Array:
    """Straight line from ``a`` (t = 0) to ``b`` (t = 1)."""
    return a + (b - a) * t


def slerp(a: Array, b: Array, t: float) -> Array:
    """Great-circle path from ``a`` to ``b`` along the last axis, lengths interpolated linearly.

    Shoemake, "Animating rotation with quaternion curves", 1985. Vectors that are parallel, opposite or
    zero take the straight line.
    """
    xp = array_namespace(a, b)
    norm_a, norm_b = _norm(a), _norm(b)
    unit_a, unit_b = a / xp.where(norm_a > 0, norm_a, 1.0), b / xp.where(norm_b > 0, norm_b, 1.0)
    cosine = xp.clip(xp.sum(unit_a * unit_b, axis=-1, keepdims=True), -1.0, 1.0)
    angle = xp.acos(cosine)
    sine = xp.sin(angle)
    straight = (sine < _PARALLEL) | (norm_a == 0) | (norm_b == 0)
    safe = xp.where(straight, 1.0, sine)
    arc = (xp.sin((1 - t) * angle) * unit_a + xp.sin(t * angle) * unit_b) / safe
    return xp.where(straight, lerp(a, b, t), arc * lerp(norm_a, norm_b, t))


def mix(a: Array, b: Array, t: float, method: Method) -> Array:
    """``slerp`` or ``lerp`` by name."""
    return slerp(a, b, t) if method == "slerp" else lerp(a, b, t)


def weighted(stack: Array, weights: Array, method: Method) -> Array:
    """Blend of many embeddings: (k, seq, hidden) and (k,) weights of sum 1 -> (seq, hidden).

    With ``slerp`` the weighted mean keeps the weighted mean of the lengths, which for two embeddings of
    equal length is slerp's own midpoint; a plain mean would shrink towards "no prompt".
    """
    xp = array_namespace(stack)
    mean = xp.sum(stack * weights[:, None, None], axis=0)
    if method == "lerp":
        return mean
    length = xp.sum(_norm(stack) * weights[:, None, None], axis=0)
    norm = _norm(mean)
    return mean * (length / xp.where(norm > 0, norm, 1.0))


def _norm(x: Array) -> Array:
    xp = array_namespace(x)
    return xp.sqrt(xp.sum(x * x, axis=-1, keepdims=True))
