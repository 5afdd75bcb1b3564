"""``mlx.core`` where it differs from the Python array API, as far as phosphene uses it; the rest is its own.

Imported only once an MLX array exists.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np


def __getattr__(name: str) -> Any:
    return getattr(mx, name)


def astype(x: mx.array, dtype: mx.Dtype, *, copy: bool = True, device: Any = None) -> mx.array:
    """The array in another number format; arrays never change, so a copy is never needed."""
    return x if x.dtype == dtype else mx.astype(x, dtype)


def asarray(obj: Any, *, dtype: mx.Dtype | None = None, device: Any = None) -> mx.array:
    """An array of a NumPy array or of numbers; float64, which GPUs lack, becomes float32."""
    if isinstance(obj, np.ndarray) and obj.dtype == np.float64:
        obj = obj.astype(np.float32)
    return mx.array(obj) if dtype is None else mx.array(obj, dtype)


def arange(
    start: float,
    stop: float | None = None,
    step: float = 1,
    *,
    dtype: mx.Dtype | None = None,
    device: Any = None,
) -> mx.array:
    """Evenly spaced numbers from ``start`` (0 if only one is given) to ``stop``, which is left out."""
    first, end = (0, start) if stop is None else (start, stop)
    return mx.arange(first, end, step, dtype)


def full(shape: tuple[int, ...], value: float, *, dtype: mx.Dtype, device: Any = None) -> mx.array:
    """An array of one value."""
    return mx.full(shape, value, dtype)
